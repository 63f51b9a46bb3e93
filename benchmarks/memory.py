"""How much memory a sync takes: its peak for 1,000,000 rows, beside that for 100,000.

    uv run --group bench python benchmarks/memory.py [--json] [--quick]

The bank is a process of its own and is asked over HTTP; each sync runs in a fresh process, into a
fresh database, SQLite and PostgreSQL in turn. Measured is the largest resident set that the
process ever had (VmHWM), all of Penstock included. `idle` is the same process before the sync.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.processes import bank, started
from benchmarks.sync import postgres, sqlite_in
from benchmarks.sync_penstock import linked_to, sync

LESS, MORE = 100_000, 1_000_000
QUICK = (5_000, 25_000)
MOST_MB = 200
MOST_TIMES = 1.25


def main() -> None:
    """Measure each size on each kind of database, and print the figures."""
    parser = argparse.ArgumentParser(description="Peak memory of a sync.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rows; ends within 50 s")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        asyncio.run(work(**json.loads(sys.stdin.readline())))
        return
    sizes = QUICK if given.quick else (LESS, MORE)
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = measure(sqlite_in(Path(folder)), sizes)
    with postgres() as fresh:
        figures["postgres"] = measure(fresh, sizes)
    if given.json:
        print(json.dumps(figures))
        return
    for kind, one in figures.items():
        print(f"{kind}: " + "  ".join(f"{name} {number:,.2f}" for name, number in one.items()))
    print(f"wanted: at most {MOST_TIMES} x, and {MOST_MB} MB")


def measure(fresh: Callable[[], str], sizes: tuple[int, int]) -> dict[str, float]:
    """Return peaks in megabytes (10^6 bytes) by size, and the larger as a multiple of the other."""
    figures: dict[str, float] = {}
    for rows in sizes:
        with bank(rows) as bank_url, started("memory.py", "--worker") as worker:
            worker.tell(json.dumps({"url": fresh(), "bank_url": bank_url, "rows": rows}))
            said = worker.hear()
        figures["idle_mb"] = said["idle_mb"]
        figures[f"{rows}_mb"] = said["peak_mb"]
        figures[f"{rows}_s"] = said["seconds"]
    less, more = (figures[f"{rows}_mb"] for rows in sizes)
    return {**figures, "ratio": round(more / less, 2)}


async def work(url: str, bank_url: str, rows: int) -> None:
    """Sync once, and say what it took."""
    async with linked_to(bank_url, url) as (penstock, connection):
        idle, began = peak_mb(), time.perf_counter()
        tally = await sync(penstock.syncer, connection)
        if tally.inserted != rows:
            raise AssertionError(tally)
        seconds = round(time.perf_counter() - began, 1)
        print(json.dumps({"idle_mb": idle, "peak_mb": peak_mb(), "seconds": seconds}), flush=True)


def peak_mb() -> float:
    """Return the largest resident set so far. A process begins with its parent's by getrusage."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


if __name__ == "__main__":
    main()
