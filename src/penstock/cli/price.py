"""`penstock price`: prices of one's own, of what nobody quotes, and those that were doubted."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import Failed
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.past_prices import fetch
from penstock.cli.terminal import print_json, say
from penstock.cli.values import AMOUNT, CURRENCY, DAY, NEGATIVE
from penstock.cli.words import counted

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]
_HOW = "A SECURITY is its id, ISIN, FIGI, CUSIP, ticker or name, as `penstock holdings` shows it."


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--security", help="Of this one only.")
@as_json
@pass_flags
@click.pass_context
def price(context: click.Context, flags: Flags, security: str | None, *, as_json: bool) -> None:
    """List the prices that you set; set, import, remove, accept and fetch prices."""
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import money

    columns = (
        plain("security", "security_id"),
        Column("name", lambda row, seen: seen.securities.get(row["security_id"], "")),
        plain("day", "day"),
        Column("price", lambda row, _: money(row["price"]), right=True),
        plain("currency", "currency"),
        Column("of", lambda row, _: _basis(row["basis"])),
    )
    empty = "You have set no prices: `penstock price set SECURITY AMOUNT CURRENCY`."
    asked = {"security": security}
    listing = Listing("/v1/own-prices", columns, empty, asked, names_securities=True)
    show(flags, listing, as_json=as_json)


price.add_command(fetch)


@price.command("set", cls=Command, epilog=_HOW, context_settings=NEGATIVE)
@click.argument("security")
@click.argument("amount", type=AMOUNT)
@click.argument("currency", type=CURRENCY)
@click.option("--day", type=DAY, help="What it cost on this day; else today.")
@click.option(
    "--percent/--each", default=None, help="Per cent of par (usual for bonds), or of one."
)
@as_json
@pass_flags
def set_price(
    flags: Flags,
    security: str,
    amount: str,
    currency: str,
    day: str | None,
    *,
    percent: bool | None,
    as_json: bool,
) -> None:
    """Set what one of a SECURITY costs. It holds until something newer is known."""
    from penstock.cli.door import ask

    if amount.startswith("-"):
        raise click.UsageError(f"{amount} is no price: it cannot be less than 0.")
    basis = None if percent is None else "percent_of_par" if percent else "per_share"
    body = {"security": security, "price": amount, "currency": currency, "day": day}

    async def work(client: "Client") -> Row:
        done: Row = (await client.post("/v1/own-prices", {**body, "basis": basis})).json()
        return done

    done = ask(flags, work)
    if as_json:
        print_json(done)
    say(f"{security}: {done['price']} {done['currency']} {_basis(done['basis'])}, {done['day']}.")


@price.command("import", cls=Command, epilog=_HOW)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what it would do, and store nothing.")
@as_json
@pass_flags
def import_prices(flags: Flags, file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Set the prices of a CSV FILE: security,day,price,currency, and basis if you like.

    It is taken whole or not at all; what is wrong is told with its line.
    """
    from penstock.cli.door import ask

    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failed(
            f"{file} cannot be read: {error.strerror or error}", remedy="Name a file that is there."
        ) from error

    async def work(client: "Client") -> Row:
        given = {"dry_run": "true" if dry_run else None}
        done: Row = (await client.send("/v1/own-prices/import", content, given)).json()
        return done

    done = ask(flags, work)
    if as_json:
        print_json(done)
    would = " would be" if dry_run else ""
    things = counted(done["securities"], "security").replace("securitys", "securities")
    say(f"{file}: {counted(done['lines'], 'line')} of {things}, {done['changed']}{would} new.")


@price.command(cls=Command, epilog=_HOW)
@click.argument("security")
@click.argument("day", type=DAY)
@pass_flags
def remove(flags: Flags, security: str, day: str) -> None:
    """Forget the price of a SECURITY that you set for a DAY."""
    from penstock.cli.door import ask

    async def work(client: "Client") -> None:
        asked = {"security": security, "day": day}
        await client.ask("DELETE", "/v1/own-prices", parameters=asked)

    ask(flags, work)
    say(f"{security}: the price of {day} is forgotten.")


@price.command(cls=Command)
@click.argument("symbol")
@click.argument("amount", type=AMOUNT)
@click.argument("unit")
@click.option("--source", metavar="NAME", required=True, help="Who says so: yahoo.")
@as_json
@pass_flags
def accept(
    flags: Flags, symbol: str, amount: str, unit: str, source: str, *, as_json: bool
) -> None:
    """Believe that SYMBOL costs AMOUNT in UNIT, though it was doubted: OCDO:XLON 310 GBX.

    `penstock quote SYMBOL` says what is doubted. The source is asked again, and has to say the
    same. It is the price of everybody's holdings from then on. For admins.
    """
    from penstock.cli.door import ask
    from penstock.cli.problem import read_object

    body = {"symbol": symbol, "source": source, "price": amount, "quoted_unit": unit}

    async def work(client: "Client") -> Row:
        return read_object(await client.post("/v1/quotes/accept", body))

    done = ask(flags, work)
    if as_json:
        print_json(done)
    say(f"{done['instrument']}: {done['price']} {done['quoted_unit']} is believed from now on.")


def _basis(basis: str) -> str:
    return "per cent of par" if basis == "percent_of_par" else "each"
