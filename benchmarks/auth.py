"""What a token costs: a light route behind one, against the same route without.

    uv run --group bench python benchmarks/auth.py [--json] [--quick]

A process of Penstock's own serves both, log lines too; this program is the client, with 16 requests
in flight over HTTP on this machine. The routes take turns, short ones; medians of twelve. And how
long another process lets a token in whose session was ended in the first: 5 s are promised
(security.md T3).

    open       requests a second of a route that is open to all
    signed_in  of the same behind a token: its signature, its session, and whose rows are seen
    kept       signed_in / open: 0.75 is promised
    revoked    seconds until the other process refused the token
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.api_client import Asker, load, request_for
from benchmarks.filled import Filled, fill
from benchmarks.processes import Program, started
from benchmarks.sync import postgres, sqlite_in

AT_ONCE = 16
LEAST_KEPT = 0.75
MOST_SECONDS = 5.0
PATHS = {"open": "/v1/light/open", "signed_in": "/v1/light/signed-in"}


def compete(
    url: str, filled: Filled, folder: Path, *, turns: int, seconds: float
) -> dict[str, float]:
    """Serve one database from two processes; let the routes take turns, then end a session."""
    with ExitStack() as stack:

        def serve(name: str) -> tuple[Program, str, str]:
            program = stack.enter_context(started("auth_server.py"))
            log = str(folder / f"{name}.log")
            needs = {"url": url, "owner": filled.owner_id, "home": str(folder), "log": log}
            program.tell(json.dumps(needs))
            said = program.hear()
            return program, said["url"], said["token"]

        _, here, token = serve("here")
        speeds: dict[str, list[float]] = {name: [] for name in PATHS}
        for turn in range(turns + 1):
            for name, path in PATHS.items():
                asked = load(here, request_for(path, token), seconds=seconds, at_once=AT_ONCE)
                found = asyncio.run(asked)
                if turn:  # the first warms up
                    speeds[name].append(found.per_second)
        figures = {name: round(statistics.median(found), 1) for name, found in speeds.items()}
        kept = statistics.median(
            behind / before
            for before, behind in zip(speeds["open"], speeds["signed_in"], strict=True)
        )
        other, _, _ = serve("other")
        revoked = asyncio.run(until_refused(here, token, other))
        return {**figures, "kept": round(kept, 3), "revoked": round(revoked, 2)}


async def until_refused(url: str, token: str, other: Program) -> float:
    """End a session in the other process; return how long this one lets its token in."""
    asker = await Asker.to(url)
    request = request_for(PATHS["signed_in"], token)
    await asker.ask(request)
    other.tell(token)
    other.hear()
    began = time.perf_counter()
    try:
        while time.perf_counter() - began < 4 * MOST_SECONDS:
            await asker.ask(request)
            await asyncio.sleep(0.01)
    except AssertionError as refused:
        if "401" not in str(refused):
            raise
    await asker.close()
    return time.perf_counter() - began


def main() -> None:
    """Measure both databases and print the figures; a full run fails where a promise is broken."""
    parser = argparse.ArgumentParser(description="What a token costs.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="shorter turns; ends within 50 s")
    given = parser.parse_args()
    turns, seconds = (8, 0.5) if given.quick else (12, 2.0)
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = sqlite_in(Path(folder))()
        filled = fill(url, 1_000)
        figures["sqlite"] = compete(url, filled, Path(folder), turns=turns, seconds=seconds)
        with postgres() as fresh:
            url = fresh()
            filled = fill(url, 1_000)
            figures["postgres"] = compete(url, filled, Path(folder), turns=turns, seconds=seconds)
    if given.json:
        print(json.dumps(figures))
    else:
        for kind, one in figures.items():
            print(f"{kind}: " + "  ".join(f"{name} {n:,.2f}" for name, n in one.items()))
    for kind, one in figures.items():
        broken = one["kept"] < LEAST_KEPT or one["revoked"] > MOST_SECONDS
        if broken and not given.quick:
            raise SystemExit(f"{kind}: a promise is not kept: {one}")


if __name__ == "__main__":
    main()
