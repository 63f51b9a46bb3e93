"""`penstock quote`: prices now, one line a symbol, and a reason for each that has none."""

from typing import TYPE_CHECKING, Any, TextIO

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import can_ask, print_json, say

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]

_AS_FRESH = -1.0
"""`--watch` without a number: as often as there may be something new."""


@click.command(cls=Command)
@click.argument("symbols", metavar="[SYMBOL]...", nargs=-1)
@click.option("--source", metavar="NAME", help="Ask this source alone: ecb, google_finance.")
@click.option(
    "-f",
    "--file",
    "file",
    metavar="FILE",
    type=click.File(encoding="utf-8-sig", errors="replace"),
    help="Read more symbols from a file; - is stdin.",
)
@click.option("--explain", is_flag=True, help="Say how each price came about.")
@click.option(
    "--watch",
    metavar="[SECONDS]",
    type=float,
    is_flag=False,
    flag_value=_AS_FRESH,
    help="Again and again, until Ctrl-C; never sooner than the source has something new.",
)
@as_json
@pass_flags
@click.pass_context
def quote(
    context: click.Context,
    flags: Flags,
    symbols: tuple[str, ...],
    source: str | None,
    file: TextIO | None,
    watch: float | None,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    """Print the price of each SYMBOL: EUR/USD, AAPL:XNAS, SAP.DE, DE0007164600.

    Which sources are asked is PENSTOCK_QUOTE_SOURCES. Ends with 1 if a symbol has no price.
    """
    from penstock.cli.door import ask
    from penstock.cli.quoting import Wish, prices, symbols_in, watched

    wanted = symbols_in([*symbols, *(file or ())])
    if not wanted:
        raise click.UsageError("Name a symbol, or a file with --file.")
    _sign_in_where_nobody_is(flags)
    wish = Wish(wanted, source, explain)

    def show(rows: list[Row]) -> None:
        if as_json:
            print_json(rows)
        else:
            _print(rows, explain=explain)

    async def work(client: "Client") -> list[Row]:
        if watch is None:
            rows = await prices(client, wish)
            show(rows)
            return rows
        return await watched(client, wish, max(watch, 0.0), show)

    if any(row["quote"] is None for row in ask(flags, work)):
        context.exit(FAILED)


def _sign_in_where_nobody_is(flags: Flags) -> None:
    """Ask for a name and a password, if no token is stored and there is somebody to ask."""
    from penstock.cli.door import has_token

    if can_ask() and not has_token(flags.settings()):
        from penstock.cli.sign_in import sign_in

        say("Nobody is signed in here yet.")
        sign_in(flags, None)


def _print(rows: list[Row], *, explain: bool) -> None:
    from penstock.cli.listing import Seen, print_rows
    from penstock.cli.quote_words import COLUMNS, explained, failures
    from penstock.domain.clock import utc_now

    print_rows(COLUMNS, rows, Seen(utc_now()))
    if explain:
        for row in rows:
            click.echo("\n".join(["", *explained(row)]))
    for sentence in failures(rows):
        say(sentence)
