"""How fast a whole sync is: rows a second, from the bank's bytes to committed rows.

    uv run --group bench python benchmarks/sync.py [--json] [--quick]

Every contestant reads the same recorded answers of the sandbox bank (pages of 500) from memory and
writes into a fresh database of its own, SQLite and PostgreSQL in turn, all in this one run:

    penstock   the real engine: lease, staging, pairing, one merge, feed, run record, tie-out
    again      the same rows once more from no cursor: nothing is to be written
    changed    once more, and each twentieth row reads differently
    raw        the limit: msgspec, one upsert a page (executemany, or COPY + merge), no promise
    raw_changed  the same pages as `changed`, upserted into its full table
    dlt        merge by primary key
    orm        row by row, SQLAlchemy's Session.merge

Medians of three after a warm-up (dlt and orm, being slow, run once; orm on fewer rows).
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import sync_peers, sync_penstock
from tests.postgres import DURABLE, OWNER, Cluster, administrator

ROUNDS = 4
QUICK = 40_000

Fresh = Callable[[], str]
"""Makes an empty database and returns its URL."""


def main() -> None:
    """Run every contestant and print the figures."""
    parser = argparse.ArgumentParser(description="Rows a second of a whole sync.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rows; ends within 50 s")
    given = parser.parse_args()
    sizes = (QUICK, 20_000, 1_000) if given.quick else (100_000, 100_000, 5_000)
    recorded = asyncio.run(sync_penstock.record(sizes[0]))
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = compete(recorded, sqlite_in(Path(folder)), sizes)
    with postgres() as fresh:
        figures["postgres"] = compete(recorded, fresh, sizes)
    report(figures, as_json=given.json)


def compete(
    recorded: sync_penstock.Recorded, fresh: Fresh, sizes: tuple[int, int, int]
) -> dict[str, float]:
    """Return rows/s by contestant on one kind of database."""
    rows, for_dlt, for_orm = sizes
    pages, changed = recorded.pages, recorded.changed().pages
    ours: list[sync_penstock.Taken] = []
    raw: list[tuple[float, float]] = []
    for _ in range(ROUNDS if rows > QUICK else ROUNDS - 1):
        ours.append(asyncio.run(sync_penstock.seconds(recorded, fresh())))
        raw.append(seconds_of_raw(pages, changed, fresh()))
    return {
        "penstock": rows / statistics.median(one.first for one in ours[1:]),
        "again": rows / statistics.median(one.again for one in ours[1:]),
        "changed": rows / statistics.median(one.changed for one in ours[1:]),
        "raw": rows / statistics.median(first for first, _ in raw[1:]),
        "raw_changed": rows / statistics.median(second for _, second in raw[1:]),
        "dlt": for_dlt / clock(lambda: sync_peers.dlt_pipeline(pages[: for_dlt // 500], fresh())),
        "orm": for_orm / clock(lambda: sync_peers.orm(pages[: for_orm // 500], fresh())),
    }


def seconds_of_raw(pages: list[bytes], changed: list[bytes], url: str) -> tuple[float, float]:
    """Return how long raw takes for the pages, and then for those that changed."""
    first = clock(lambda: sync_peers.raw(pages, url))
    return first, clock(lambda: sync_peers.raw(changed, url))


def clock(work: Callable[[], None]) -> float:
    """Return how many seconds the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def sqlite_in(folder: Path) -> Fresh:
    """Make SQLite files."""
    numbers = iter(range(1_000))
    return lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}"


@contextmanager
def postgres() -> Iterator[Fresh]:
    """Run a PostgreSQL of its own, as durable as a real one is."""
    cluster = Cluster(DURABLE)
    numbers = iter(range(1_000))

    def fresh() -> str:
        name = f"bench_{next(numbers)}"
        with administrator(cluster.port) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{cluster.port}/{name}"

    try:
        yield fresh
    finally:
        cluster.stop()


def report(figures: dict[str, dict[str, float]], *, as_json: bool) -> None:
    """Print rows/s, and how Penstock compares."""
    if as_json:
        rounded = {kind: {who: round(n) for who, n in one.items()} for kind, one in figures.items()}
        print(json.dumps(rounded))
        return
    for kind, one in figures.items():
        print(f"{kind}: rows/s " + "  ".join(f"{who} {n:,.0f}" for who, n in one.items()))
        print(
            f"  penstock is {one['penstock'] / one['raw']:.2f} x raw, "
            f"{one['changed'] / one['raw_changed']:.2f} x where few rows changed, "
            f"{one['penstock'] / one['dlt']:.1f} x dlt, {one['penstock'] / one['orm']:.0f} x orm"
        )


if __name__ == "__main__":
    main()
