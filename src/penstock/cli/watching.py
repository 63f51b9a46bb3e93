"""Watching syncs until they end, with a display that moves where somebody looks at it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from penstock.cli.client import Client
from penstock.cli.failure import printable
from penstock.cli.sync_words import QUEUED, UNDER_WAY, waits
from penstock.cli.terminal import is_watched

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]
Sleep = Callable[[float], Awaitable[None]]

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_STILL_SECONDS: Final = 20.0
"""A sync whose worker died frees its lease after twelve seconds: then it is begun anew."""
_IDLE_SECONDS: Final = 60.0
"""A sync still waits for its turn though none of those watched has moved for so long: give up."""


class Display(Protocol):
    """Shows how far each sync has come."""

    def show(self, row: Row) -> None:
        """Show a sync as it is now."""


@dataclass(slots=True)
class Crowd:
    """The syncs that are watched together: how often one of them was seen to move."""

    moves: int = 0


async def watch(
    client: Client, started: list[Row], names: Mapping[str, str], order: Row | None = None
) -> list[Row]:
    """Wait until every sync has ended; return them as they ended.

    One that only waits for its turn, where nothing moves, is returned as it is.
    """
    crowd = Crowd()
    with _display(names) as display:
        watching = (watch_one(client, row, display, order, crowd) for row in started)
        return list(await asyncio.gather(*watching))


async def watch_one(
    client: Client,
    row: Row,
    display: Display,
    order: Row | None = None,
    crowd: Crowd | None = None,
    *,
    sleep: Sleep = asyncio.sleep,
) -> Row:
    """Wait until one sync has ended; return it as `watch` does. `order` is what was asked for."""
    crowd = crowd or Crowd()
    pause, still, idle = _FIRST_PAUSE, 0.0, 0.0
    while row["outcome"] in UNDER_WAY:
        display.show(row)
        before, moves = row, crowd.moves
        await sleep(pause)
        row = await client.get(f"/v1/syncs/{row['id']}")
        moved = (row["outcome"], row["counts"]) != (before["outcome"], before["counts"])
        crowd.moves += moved
        still = 0.0 if moved else still + pause
        idle = idle + pause if crowd.moves == moves else 0.0
        if idle >= _IDLE_SECONDS and row["outcome"] == QUEUED:
            break
        if still >= _STILL_SECONDS and row["outcome"] in UNDER_WAY:
            # Where it is alive, this finds the same one, and asks for no other: a worker elsewhere
            # shows no counts before the end. Where its process died, it begins anew.
            path = f"/v1/connections/{row['connection_id']}/syncs"
            row = (await client.post(path, {**(order or {}), "unless_running": row["id"]})).json()
            still = 0.0
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    display.show(row)
    return row


class Silent:
    """A display for a log file: it waits for the end."""

    def show(self, row: Row) -> None:
        """Show nothing."""


@contextlib.contextmanager
def _display(names: Mapping[str, str]) -> Iterator[Display]:
    if not is_watched():
        yield Silent()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, markup=False)
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield Lively(live.update, names)


class Lively:
    """A display for a terminal: one line a sync, which changes as it goes on."""

    def __init__(self, update: Any, names: Mapping[str, str]) -> None:
        self._update = update
        self._names = names
        self._rows: dict[str, Row] = {}

    def show(self, row: Row) -> None:
        """Show a sync as it is now."""
        self._rows[row["connection_id"]] = row
        self._update(self.table())

    def table(self) -> "Table":
        """Return all syncs as they are now."""
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for connection, row in self._rows.items():
            running = row["outcome"] in UNDER_WAY
            mark = Spinner("line") if running else Text("ok" if row["outcome"] == "done" else "!!")
            name = printable(self._names.get(connection, connection))
            table.add_row(mark, Text(name), Text(_progress(row)))
        return table


def _progress(row: Row) -> str:
    counts = row["counts"]
    read = f"{counts['pages']} pages, {counts['inserted'] + counts['unchanged']:,} rows"
    ended = "" if row["outcome"] == "running" else row["outcome"].replace("_", " ")
    return ", ".join(filter(None, [read, waits(row), ended]))
