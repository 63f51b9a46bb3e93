"""Whether the time of a refused sign-in tells who exists: `uv run python benchmarks/signin.py`.

Over the whole API, in this process: somebody unknown, somebody with a wrong password, and somebody
who is disabled, in turn, so that a machine whose speed drifts treats them alike. Each waits for a
real bcrypt. Who has to wait (a name is throttled whether it is anybody's or not) is refused before
that: so those two, a known name and an unknown one, are compared with one another. The medians of
those who are compared must be within a tenth of each other, and what they are answered the same
(security.md L3).
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from penstock.api.app import create_app
from penstock.cli.in_process import BASE_URL, AppTransport
from penstock.domain.secret import Secret
from penstock.observe.log import configure
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock

LIMIT = 1.10
PASSWORD = "a gate that feeds a mill"  # noqa: S105 - it opens nothing
WRONG = "a mill that feeds a gate"
REFUSED = {"unknown": "nobody", "wrong": "ann", "disabled": "bob"}
LOCKED = {"locked, unknown": "nobody", "locked, known": "ann"}
UNTIL_LOCKED = 6
LOCKED_ROUNDS = 20

Times = dict[str, list[float]]


class Clock:
    """A clock that jumps: after two days the throttle has forgotten."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return what time it is."""
        return self.now


async def refused(client: httpx2.AsyncClient, username: str) -> tuple[float, int, bytes]:
    """Try to sign in; return the milliseconds it took, the status, and what was said."""
    form = {"grant_type": "password", "username": username, "password": WRONG}
    started = time.perf_counter()
    answer = await client.post("/token", data=form)
    taken = (time.perf_counter() - started) * 1000
    return taken, answer.status_code, answer.content


async def in_turn(
    client: httpx2.AsyncClient, names: Mapping[str, str], rounds: int, clock: Clock, days: int
) -> tuple[Times, bool]:
    """Return the times of each, and whether all were told the same; a first round warms up."""
    times: Times = {label: [] for label in names}
    told: set[tuple[int, bytes]] = set()
    for turn in range(rounds + 1):
        for label, username in names.items():
            clock.now += timedelta(days=days)
            taken, status, body = await refused(client, username)
            told.add((status, body))
            if turn:
                times[label].append(taken)
    return times, len(told) == 1


async def people(penstock: Penstock) -> None:
    """Make somebody, and somebody who is disabled."""
    for name in ("ann", "bob"):
        await penstock.identity.add_user(name, Secret(PASSWORD))
    bob = await penstock.identity.people.named("bob")
    await penstock.identity.people.disable(bob.id)


async def measure(home: Path, rounds: int) -> tuple[Times, Times, bool]:
    """Return the times of who is refused, those of who must wait, and whether all is told alike."""
    clock = Clock()
    settings = Settings(home=home)
    async with open_penstock(settings, clock=clock) as penstock:
        await people(penstock)
    app = create_app(lambda: open_penstock(settings, clock=clock))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=AppTransport(app), base_url=BASE_URL) as client,
    ):
        open_times, same = await in_turn(client, REFUSED, rounds, clock, days=2)
        clock.now += timedelta(days=2)
        for _ in range(UNTIL_LOCKED):
            for username in LOCKED.values():
                await refused(client, username)
        locked_times, also = await in_turn(client, LOCKED, LOCKED_ROUNDS * rounds, clock, days=0)
    return open_times, locked_times, same and also


def spread(times: Times) -> float:
    """Return the longest median as a multiple of the shortest."""
    medians = [statistics.median(one) for one in times.values()]
    return max(medians) / min(medians)


def figures(groups: Sequence[Times]) -> dict[str, float]:
    """Return the median of each, in milliseconds."""
    return {
        name: round(statistics.median(taken), 2)
        for times in groups
        for name, taken in times.items()
    }


def main() -> None:
    """Measure, print, and exit with 1 where the time or the answer tells who exists."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one object on stdout")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    given = parser.parse_args()
    configure(json=False, level="ERROR")
    with tempfile.TemporaryDirectory() as home:
        *groups, same = asyncio.run(measure(Path(home), 9 if given.quick else 40))
    spreads = [round(spread(times), 3) for times in groups]
    held = same and max(spreads) <= LIMIT
    shown = figures(groups)
    if given.json:
        told = {"signin_ms": shown, "spreads": spreads, "limit": LIMIT, "same": same, "ok": held}
        print(json.dumps(told))
    else:
        for name, median in shown.items():
            print(f"{name:<16} {median:>8.2f} ms")
        print(f"spreads {spreads}, at most {LIMIT}; answers {'the same' if same else 'DIFFER'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
