"""`penstock quote`: prices now, one line a symbol, and a reason for each that has none."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import can_ask, print_json, say

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]


@click.command(cls=Command)
@click.argument("symbols", metavar="SYMBOL...", nargs=-1, required=True)
@click.option("--source", metavar="NAME", help="Ask this source alone: ecb, google_finance.")
@as_json
@pass_flags
@click.pass_context
def quote(
    context: click.Context,
    flags: Flags,
    symbols: tuple[str, ...],
    source: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the price of each SYMBOL: EUR/USD, AAPL:NASDAQ, SAP.DE.

    Which sources are asked is PENSTOCK_QUOTE_SOURCES. Ends with 1 if a symbol has no price.
    """
    _sign_in_where_nobody_is(flags)
    rows = _ask(flags, [one for text in symbols for one in text.split(",") if one], source)
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if any(row["quote"] is None for row in rows):
        context.exit(FAILED)


def _ask(flags: Flags, symbols: list[str], source: str | None) -> list[Row]:
    from penstock.cli.door import ask

    async def work(client: "Client") -> list[Row]:
        parameters = {"symbols": ",".join(symbols), "source": source}
        rows: list[Row] = (await client.get("/v1/quotes", parameters))["rows"]
        return rows

    return ask(flags, work)


def _sign_in_where_nobody_is(flags: Flags) -> None:
    """Ask for a name and a password, if no token is stored and there is somebody to ask."""
    from penstock.cli.door import has_token

    if can_ask() and not has_token(flags.settings()):
        from penstock.cli.sign_in import sign_in

        say("Nobody is signed in here yet.")
        sign_in(flags, None)


def _print(rows: list[Row]) -> None:
    from penstock.cli.listing import Column, Seen, print_rows
    from penstock.cli.words import minute, remedy_text
    from penstock.domain.clock import utc_now

    columns = (
        Column("symbol", lambda row, _: row["symbol"]),
        Column("price", lambda row, _: _of(row, "price"), right=True),
        Column("unit", lambda row, _: _of(row, "quoted_unit")),
        Column("as of (UTC)", lambda row, _: minute(_of(row, "as_of") or None)),
        Column("source", lambda row, _: _of(row, "source")),
        Column("marks", lambda row, _: _marks(row)),
    )
    print_rows(columns, rows, Seen(utc_now()))
    for row in rows:
        if row["error"] is not None:
            remedy = remedy_text(row["error"]["remedy"])
            say(" ".join(filter(None, [f"{row['symbol']}: {row['error']['message']}", remedy])))


def _of(row: Row, name: str) -> str:
    """Return a field of the quote, as the source wrote it; nothing where there is none."""
    return str(row["quote"][name]) if row["quote"] else ""


def _marks(row: Row) -> str:
    if row["error"]:
        return str(row["error"]["code"]).replace("_", " ")
    delay = row["quote"]["delay_seconds"]
    late = f"{delay / 60:.0f} min late" if delay else ""
    return ", ".join(filter(None, [*row["quote"]["flags"], late]))
