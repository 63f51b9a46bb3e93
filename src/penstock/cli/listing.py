"""A list of the API as a table for people, or as a JSON array for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from penstock.cli.client import Client
from penstock.cli.door import ask
from penstock.cli.flags import Flags
from penstock.cli.terminal import print_json_array, print_table, say
from penstock.domain.clock import utc_now

Row = dict[str, Any]

TABLE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and the cell of a row as of now (a text or a rich Text)."""

    heading: str
    cell: Callable[[Row, datetime], Any]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What to ask for and how to show it. `limit` None: all in JSON, `TABLE_ROWS` in a table."""

    path: str
    columns: Sequence[Column]
    parameters: Mapping[str, Any]
    empty: str
    limit: int | None = None


def field(heading: str, name: str, *, right: bool = False) -> Column:
    """Return a column that shows a field as it is; nothing for null."""
    return Column(heading, lambda row, _now: "" if row.get(name) is None else row[name], right)


def show(flags: Flags, listing: Listing, *, as_json: bool) -> list[Row]:
    """Print a list on stdout; return the rows that a table shows, none where it was JSON."""

    async def work(client: Client) -> list[Row] | None:
        if as_json:
            pages = client.pages(listing.path, listing.parameters, limit=listing.limit)
            await print_json_array(pages)
            return None
        most = TABLE_ROWS if listing.limit is None else listing.limit
        pages = client.pages(listing.path, listing.parameters, limit=most + 1)
        return [row async for row in pages]

    rows = ask(flags, work)
    if rows is None:
        return []
    most = TABLE_ROWS if listing.limit is None else listing.limit
    _print(rows[:most], listing)
    if len(rows) > most:
        say(f"There are more than these {most}: ask for them with --limit, or for all with --json.")
    return rows[:most]


def _print(rows: list[Row], listing: Listing) -> None:
    if not rows:
        say(listing.empty)
        return
    now = utc_now()
    print_table(
        [column.heading for column in listing.columns],
        [[column.cell(row, now) for column in listing.columns] for row in rows],
        right=[column.heading for column in listing.columns if column.right],
    )
