"""`penstock changes`: what changed since a cursor, for whoever keeps a copy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.cli.client import Client
    from penstock.cli.listing import Column

_MOST = 500


@click.command(cls=Command)
@click.option("--cursor", metavar="CURSOR", help="Where the last answer ended; without: all.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most; without: all.")
@as_json
@pass_flags
def changes(flags: Flags, cursor: str | None, limit: int | None, *, as_json: bool) -> None:
    """List every row that changed since CURSOR, in its latest state, the oldest change first.

    With --json: an object with the `rows` and the `next_cursor` to go on from.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.listing import Seen, print_rows
    from penstock.domain.clock import utc_now

    async def work(client: Client) -> tuple[list[dict[str, Any]], str | None]:
        return await _read(client, cursor, limit)

    rows, after = ask(flags, work)
    if as_json:
        print_json({"rows": rows, "next_cursor": after})
        return
    if rows:
        print_rows(_columns(), rows, Seen(utc_now()))
    else:
        say("Nothing changed.")
    if after:
        say(f"Go on from here: penstock changes --cursor {after}")


async def _read(
    client: "Client", cursor: str | None, limit: int | None
) -> tuple[list[dict[str, Any]], str | None]:
    rows: list[dict[str, Any]] = []
    while limit is None or len(rows) < limit:
        wanted = _MOST if limit is None else min(_MOST, limit - len(rows))
        page = await client.get("/v1/changes", {"cursor": cursor, "limit": wanted})
        rows += page["rows"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    return rows, cursor


def _columns() -> "Sequence[Column]":
    from penstock.cli.listing import Column, plain
    from penstock.cli.words import money

    return (
        plain("kind", "kind"),
        plain("id", "id"),
        Column("day", lambda row, _: _day(row)),
        Column("what", lambda row, _: _what(row)),
        Column("amount", lambda row, _: money(row.get("amount") or row.get("value")), right=True),
        Column("currency", lambda row, _: row.get("currency") or ""),
    )


def _day(row: dict[str, Any]) -> str:
    return str(row.get("dated_on") or row.get("as_of_on") or row.get("as_of", "")[:10])


def _what(row: dict[str, Any]) -> str:
    match row["kind"]:
        case "erasure":
            return f"{row['erased']} erased"
        case "balance":
            return str(row["type"])
        case "account":
            return str(row["label"] or row["name"])
        case "holding":
            return f"{'held no more: ' if row['ended_at'] else ''}{row['name']}"
        case _:
            gone = "taken back: " if row["removed_at"] else ""
            return f"{gone}{row['description']}"
