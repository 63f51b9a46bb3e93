"""`penstock price fetch`: what is held is priced on past days, one instrument after the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.values import DAY
from penstock.cli.words import counted

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]
_HOW: Final = (
    "A SYMBOL is an instrument, as `penstock securities` shows it: SAP:XETR. "
    "Without one: all that you hold."
)


@click.command("fetch", cls=Command, epilog=_HOW)
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@named_as(
    "--from",
    "since",
    twin="PRICE_FETCH_FROM",
    type=DAY,
    help="Since this day; else since it is held.",
)
@as_json
@pass_flags
@click.pass_context
def fetch(
    context: click.Context,
    flags: Flags,
    symbols: Sequence[str],
    since: str | None,
    *,
    as_json: bool,
) -> None:
    """Ask for the prices that past days of what you hold lack.

    This happens by itself as well. A day that has a price keeps it.
    """
    from penstock.cli.door import ask

    async def work(client: "Client") -> list[Row]:
        rows = []
        for symbol in dict.fromkeys(symbols) or await _held(client):
            body = {"instrument": symbol.upper(), "from": since}
            row: Row = (await client.post("/v1/quotes/history", body)).json()
            rows.append(row)
            if not as_json:
                say(told_of(row))
        return rows

    rows = ask(flags, work)
    if as_json:
        print_json({"rows": rows})
    elif not rows:
        say("You hold nothing that is quoted.")
    if any(row["code"] for row in rows):
        context.exit(FAILED)


async def _held(client: "Client") -> list[str]:
    """Return what the securities are called in quotes that are held."""
    held = {row["security_id"] async for row in client.pages("/v1/holdings")}
    named = [row async for row in client.pages("/v1/securities")]
    return sorted({row["instrument"] for row in named if row["id"] in held and row["instrument"]})


def told_of(row: Row) -> str:
    """Say in one line what came."""
    why = " ".join(text for text in (row["message"], row["remedy"]) if text)
    if not row["missing"]:
        return f"{row['instrument']}: " + (why or f"no day lacks a price since {row['first']}.")
    by = f" by {', '.join(row['sources'])}" if row["sources"] else ""
    doubted = f", {row['doubted']} not believed" if row["doubted"] else ""
    stored, missing = counted(row["stored"], "price"), counted(row["missing"], "day")
    since = f"{missing} since {row['first']} had none."
    return f"{row['instrument']}: {stored} stored{by}{doubted}; {since} {why}".rstrip()
