"""Asking for prices: many symbols in requests of a size that the API takes, and again and again."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from penstock.cli.failure import Misused
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import is_watched

Row = dict[str, Any]
Show = Callable[[list[Row]], None]

AT_ONCE: Final = 100
MOST: Final = 10_000
_USUAL_SECONDS: Final = 60.0
_LATE: Final = frozenset(["source_unavailable", "unconfirmed"])
"""Where time was over, nobody may have been asked yet, or nobody who could confirm a price."""


class Asking(Protocol):
    """What asks the API (cli/client.py)."""

    async def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what GET answers."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be asked."""

    symbols: Sequence[str]
    source: str | None = None
    explain: bool = False


def symbols_in(lines: Iterable[str]) -> list[str]:
    """Return the symbols in texts: words, with spaces or commas between; behind # is a remark."""
    words = (word for line in lines for word in re.split(r"[\s,;]+", line.partition("#")[0]))
    found = [word for word in words if word]
    if len(found) > MOST:
        raise Misused(f"{len(found)} symbols are too many at once: {MOST} is the most.")
    return found


async def prices(client: Asking, wish: Wish) -> list[Row]:
    """Return what there is to say of each symbol, in order, with a display where somebody looks."""
    told: dict[str, Row] = {}
    different = list(dict.fromkeys(wish.symbols))
    with _progress(len(different)) as advance:
        for some in _parts(different):
            told |= await _of(client, wish, some)
            advance(len(some))
    return [told[symbol] for symbol in wish.symbols]


def _parts(symbols: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(symbols), AT_ONCE):
        yield symbols[start : start + AT_ONCE]


async def _of(client: Asking, wish: Wish, some: Sequence[str]) -> dict[str, Row]:
    """Ask for some. Where time was over, go on asking as long as more of them get a price."""
    told: dict[str, Row] = {}
    left = list(some)
    while left:
        answer = await client.get(
            "/v1/quotes",
            {
                "symbols": ",".join(left),
                "source": wish.source,
                "explain": "true" if wish.explain else None,
            },
        )
        found = dict(zip(left, answer["rows"], strict=True))
        told |= found
        late = [] if answer["in_time"] else [name for name, row in found.items() if _waits(row)]
        left = late if len(late) < len(left) else []
    return told


def _waits(row: Row) -> bool:
    return row["error"] is not None and row["error"]["code"] in _LATE


async def watched(client: Asking, wish: Wish, seconds: float, show: Show) -> list[Row]:
    """Show prices again and again until somebody stops it; return the last ones that were shown.

    Never sooner than the quickest of the sources that answered may have something new.
    """
    fresh = {row["id"]: row["fresh_seconds"] for row in (await client.get("/v1/sources"))["rows"]}
    rows: list[Row] = []
    with asked_to_stop() as asked:
        while not asked.is_set():
            found = await _unless(asked, client, wish)
            if found is None:
                break
            rows = found
            show(rows)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), max(seconds, pause(rows, fresh)))
    return rows


def pause(rows: Iterable[Row], fresh: Mapping[str, float | None]) -> float:
    """Return in how many seconds one of these prices may be another."""
    sources = {row["quote"]["source"] for row in rows if row["quote"]}
    known = [seconds for name, seconds in fresh.items() if name in sources and seconds]
    return min(known, default=_USUAL_SECONDS)


async def _unless(asked: asyncio.Event, client: Asking, wish: Wish) -> list[Row] | None:
    """Ask once; None where somebody stopped it meanwhile."""
    asking = asyncio.ensure_future(prices(client, wish))
    stopping = asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait({asking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return await asking if asking.done() else None
    finally:
        for one in (asking, stopping):
            one.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    if not is_watched():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True, highlight=False, markup=False)
    parts = (SpinnerColumn("line"), TextColumn("asking for prices"), BarColumn(20))
    with Progress(*parts, MofNCompleteColumn(), console=console, transient=True) as shown:
        task = shown.add_task("", total=total)
        yield lambda number: shown.advance(task, number)
