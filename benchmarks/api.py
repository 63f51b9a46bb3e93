"""How fast the API answers: `GET /v1/transactions?limit=100`, with a token, of 1,000,000 rows.

    uv run --group bench python benchmarks/api.py [--json] [--quick]

Each server is a process of its own (uvicorn, one process), this program is the client, with 16
requests in flight over HTTP on this machine. On SQLite and on PostgreSQL, requests a second of

    penstock   the app as it is, log lines too
    bare       an async FastAPI route that returns the same bytes, and asks nobody for anything
    usual      a `def` route in the default thread pool, ORM rows, a pydantic `response_model`
    last       penstock's last page, whose cursor was found by walking through all the others
    syncing    penstock, while a sync runs in the same process, from the bank's bytes on

Contestants take turns; medians of three turns. `client_busy` is how much of a processor the client
took at its fastest: below 1, it held nobody back.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.api_client import Asker, Load, load, request_for
from benchmarks.filled import Filled, fill
from benchmarks.processes import Program, bank, started
from benchmarks.sync import postgres, sqlite_in

PATH = "/v1/transactions?limit=100"
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Seconds are a turn's."""

    rows: int
    synced: int
    turns: int
    seconds: float


FULL = Size(rows=1_000_000, synced=100_000, turns=3, seconds=5)
QUICK = Size(rows=20_000, synced=10_000, turns=1, seconds=0.5)


@dataclass
class Field:
    """The running servers, and what each was measured to do."""

    loads: dict[str, list[Load]] = field(default_factory=dict)
    requests: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def enter(self, name: str, url: str, path: str, token: str) -> None:
        """Add a contestant."""
        self.requests[name] = (url, request_for(path, token))
        self.loads[name] = []

    def take_turn(self, name: str, seconds: float, *, counts: bool = True) -> None:
        """Let one contestant show what it can do."""
        url, request = self.requests[name]
        found = asyncio.run(load(url, request, seconds=seconds, at_once=AT_ONCE))
        if counts:
            self.loads[name].append(found)

    def figures(self) -> dict[str, float]:
        """Return requests a second by contestant, and how busy the client was."""
        speeds = {
            name: round(statistics.median(one.per_second for one in loads), 1)
            for name, loads in self.loads.items()
        }
        busy = max(one.busy / one.taken for loads in self.loads.values() for one in loads)
        return {**speeds, "client_busy": round(busy, 2)}


def compete(url: str, filled: Filled, size: Size, folder: Path) -> dict[str, float]:
    """Start every server over one database, and let them take turns."""
    with ExitStack() as stack:
        bank_url = stack.enter_context(bank(size.synced))
        body = folder / "body"
        needs = {"url": url, "owner": filled.owner_id, "bank": bank_url, "body": str(body)}

        def serve(name: str) -> tuple[Program, str, str]:
            program = stack.enter_context(started("api_servers.py", name))
            program.tell(json.dumps({**needs, "log": str(folder / f"{name}.log")}))
            said = program.hear()
            return program, said["url"], said["token"]

        found = Field()
        ours, our_url, token = serve("penstock")
        found.enter("penstock", our_url, PATH, token)
        page, last = asyncio.run(first_and_last(our_url, token, filled.rows))
        body.write_bytes(page)
        for name in ("bare", "usual"):
            _, its_url, its_token = serve(name)
            found.enter(name, its_url, PATH, its_token)
        found.enter("last", our_url, f"{PATH}&cursor={last}", token)
        for name in found.requests:
            found.take_turn(name, size.seconds / 4, counts=False)
        for _ in range(size.turns):
            for name in found.requests:
                found.take_turn(name, size.seconds)
        found.enter("syncing", our_url, PATH, token)
        ours.tell("sync")
        for _ in range(size.turns):
            found.take_turn("syncing", size.seconds)
        ours.tell("calm")
        pages = ours.hear()["pages"]
        return {**found.figures(), "pages_synced_meanwhile": pages}


async def first_and_last(url: str, token: str, rows: int) -> tuple[bytes, str]:
    """Return the first page, and the cursor of the last 100 rows or so, found page by page."""
    asker = await Asker.to(url)
    page = await asker.ask(request_for(PATH, token))
    path = "/v1/transactions?limit=500"
    cursors: list[str] = []
    seen, cursor = 0, None
    while cursor is not None or not cursors:
        more = f"&cursor={cursor}" if cursor else ""
        answer = json.loads(await asker.ask(request_for(path + more, token)))
        seen, cursor = seen + len(answer["rows"]), answer["next_cursor"]
        cursors.append(cursor)
    await asker.close()
    if seen != rows:
        raise AssertionError(f"paging showed {seen} rows of {rows}")
    return page, cursors[-2]


def main() -> None:
    """Fill the databases, run every contestant, and print the figures."""
    parser = argparse.ArgumentParser(description="Answers a second of the API.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rows; ends within 50 s")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_in(Path(folder))()
        figures["sqlite"] = compete(url, fill(url, size.rows), size, Path(folder))
        with postgres() as fresh:
            url = fresh()
            figures["postgres"] = compete(url, fill(url, size.rows), size, Path(folder))
    if given.json:
        print(json.dumps(figures))
        return
    print(asdict(size))
    for kind, one in figures.items():
        print(f"{kind}: answers/s " + "  ".join(f"{name} {n:,.2f}" for name, n in one.items()))
        print(
            f"  penstock is {one['penstock'] / one['bare']:.2f} x bare, "
            f"{one['penstock'] / one['usual']:.1f} x the usual way; "
            f"the last page {one['last'] / one['penstock']:.2f} x the first; "
            f"a sync slows it {one['penstock'] / one['syncing']:.1f} x"
        )


if __name__ == "__main__":
    main()
