"""A list of the API as a table for people, or as a JSON array for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from penstock.cli.client import Client
from penstock.cli.door import ask
from penstock.cli.flags import Flags
from penstock.cli.staleness import say_what_is_not_fresh
from penstock.cli.terminal import print_json_array, print_table, say
from penstock.domain.account import known_as
from penstock.domain.clock import utc_now

Row = dict[str, Any]

TABLE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cell may need besides its row: the present, and names by id."""

    now: datetime
    accounts: Mapping[str, str] = field(default_factory=dict)
    securities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and what the cell of a row is (a text or a rich Text)."""

    heading: str
    cell: Callable[[Row, Seen], Any]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What to ask for and how to show it. `limit` None: all in JSON, `TABLE_ROWS` in a table.

    `names_accounts`, `names_securities`: the table shows the names of those. `ages`: it says what
    is not fresh.
    """

    path: str
    columns: Sequence[Column]
    empty: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    names_accounts: bool = False
    names_securities: bool = False
    ages: bool = False


def plain(heading: str, name: str, *, right: bool = False) -> Column:
    """Return a column that shows a field as it is; nothing for null."""
    return Column(heading, lambda row, _: "" if row.get(name) is None else row[name], right)


def show(flags: Flags, listing: Listing, *, as_json: bool) -> None:
    """Print a list on stdout."""

    async def work(client: Client) -> None:
        if as_json:
            rows = client.pages(listing.path, listing.parameters, limit=listing.limit)
            await print_json_array(rows)
        else:
            await _show_table(client, listing)

    ask(flags, work)


async def _show_table(client: Client, listing: Listing) -> None:
    most = TABLE_ROWS if listing.limit is None else listing.limit
    pages = client.pages(listing.path, listing.parameters, limit=most + 1)
    rows = [row async for row in pages]
    names = await account_names(client) if listing.names_accounts and rows else {}
    securities = await security_names(client) if listing.names_securities and rows else {}
    if rows:
        print_rows(listing.columns, rows[:most], Seen(utc_now(), names, securities))
    else:
        say(listing.empty)
    if len(rows) > most:
        say(f"There are more than these {most}: ask for them with --limit, or for all with --json.")
    if listing.ages:
        await say_what_is_not_fresh(client)


def print_rows(columns: Sequence[Column], rows: Sequence[Row], seen: Seen) -> None:
    """Print rows as a table on stdout."""
    print_table(
        [column.heading for column in columns],
        [[column.cell(row, seen) for column in columns] for row in rows],
        right=[column.heading for column in columns if column.right],
    )


async def account_names(client: Client) -> Mapping[str, str]:
    """Return what each account is called, by its id."""
    accounts = client.pages("/v1/accounts", {"include_hidden": "true"})
    return {row["id"]: account_name(row) async for row in accounts}


async def security_names(client: Client) -> Mapping[str, str]:
    """Return what each security is called, by its id."""
    return {row["id"]: row["name"] async for row in client.pages("/v1/securities", {})}


def account_name(row: Row) -> str:
    """Return what a person knows an account by."""
    return known_as(row["name"], row["mask"], row["label"])
