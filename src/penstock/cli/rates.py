"""`penstock rates`: exchange rates of a day or of many, and those that one sets oneself."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import FAILED, Failed
from penstock.cli.flags import Command, Commands, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.values import AMOUNT, CURRENCY, NEGATIVE

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]

_DAY: Final = click.DateTime(["%Y-%m-%d"])


class _Rates(Commands):
    """A group whose first word may be a currency: `penstock rates USD` lists."""

    usual = "list"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command before what names no other."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [self.usual, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Rates)
def rates() -> None:
    """List exchange rates, or set your own: `rates USD GBP`, `rates set TRY 45.10`."""


@rates.command("list", cls=Command)
@click.argument("currencies", metavar="[CURRENCY]...", nargs=-1)
@click.option(
    "--base", type=CURRENCY, default="EUR", show_default=True, help="What one unit of this costs."
)
@click.option("--day", type=_DAY, help="By the last rates up to this day; today.")
@named_as(
    "--from",
    "first",
    twin="RATES_LIST_FROM",
    type=_DAY,
    help="Each day since this one that brought a rate.",
)
@named_as("--to", "last", twin="RATES_LIST_TO", type=_DAY, help="With --from: up to this day.")
@click.option("--refresh", is_flag=True, help="Ask the central bank for new ones first.")
@as_json
@pass_flags
@click.pass_context
def list_(  # noqa: PLR0917 - click gives each by its name
    context: click.Context,
    flags: Flags,
    currencies: tuple[str, ...],
    base: str,
    day: datetime | None,
    first: datetime | None,
    last: datetime | None,
    *,
    refresh: bool,
    as_json: bool,
) -> None:
    """List what one euro, or one --base, costs in each CURRENCY; without any, in all there are.

    Each rate has the day that it is of. What has none says why, and the command ends with 1.
    """
    from penstock.cli.door import ask
    from penstock.cli.problem import read_object

    texts = [one for text in currencies for one in text.split(",") if one]
    asked = [CURRENCY.convert(one, None, context) for one in texts]
    parameters = {
        "base": base,
        "currencies": ",".join(asked) or None,
        "day": _written(day),
        "from": _written(first),
        "to": _written(last),
    }

    async def work(client: "Client") -> list[Row]:
        if refresh:
            _tell(read_object(await client.post("/v1/rates/refresh")))
        return [row async for row in client.pages("/v1/rates", parameters)]

    rows = ask(flags, work)
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if any(row["rate"] is None for row in rows):
        context.exit(FAILED)


@rates.command("set", cls=Command, context_settings=NEGATIVE)
@click.argument("currency", type=CURRENCY)
@click.argument("rate", type=AMOUNT)
@click.option("--day", type=_DAY, help="From this day on; today.")
@as_json
@pass_flags
def set_(flags: Flags, currency: str, rate: str, day: datetime | None, *, as_json: bool) -> None:
    """Set what one euro costs in CURRENCY: RATE, as in `penstock rates set TRY 45.10`.

    For money of which nobody publishes rates. It holds for everybody here, for a year or until a
    later day has a published one. For admins.
    """
    _put(flags, currency, rate, day, as_json=as_json)


@rates.command(cls=Command)
@click.argument("currency", type=CURRENCY)
@click.option("--day", type=_DAY, help="The one that was set for this day; today.")
@as_json
@pass_flags
def unset(flags: Flags, currency: str, day: datetime | None, *, as_json: bool) -> None:
    """Take back the rate that was set for CURRENCY. For admins."""
    _put(flags, currency, None, day, as_json=as_json)


def _put(
    flags: Flags, currency: str, rate: str | None, day: datetime | None, *, as_json: bool
) -> None:
    from penstock.cli.door import ask
    from penstock.cli.problem import read_object

    body = {"currency": currency, "rate": rate, "day": _written(day)}

    async def work(client: "Client") -> Row:
        return read_object(await client.post("/v1/rates", body))

    told = ask(flags, work)
    if as_json:
        print_json(told)
        return
    before = f" It was {told['before']}." if told["before"] else ""
    if told["rate"]:
        say(f"1 EUR is {told['rate']} {told['currency']} from {told['day']} on.{before}")
    else:
        say(f"What was set for {told['currency']} of {told['day']} is taken back.{before}")


def _written(day: datetime | None) -> str | None:
    return day.date().isoformat() if day else None


def _tell(found: Row) -> None:
    """Say what asking brought. Raises Failed where it failed."""
    from penstock.cli.words import counted, remedy_text

    if found["error"]:
        raise Failed(found["error"]["message"], remedy=remedy_text(found["error"]["remedy"]))
    through = f" Up to {found['through']} none is missing." if found["through"] else ""
    say(f"{counted(found['added'], 'new rate')}.{through}")
    for one in found["differences"]:
        say(
            f"The source now says {one['said']} for {one['currency']} of {one['day']}; "
            f"{one['kept']} is kept."
        )


def _print(rows: list[Row]) -> None:
    from penstock.cli.listing import Column, Seen, print_rows
    from penstock.cli.words import remedy_text
    from penstock.domain.clock import utc_now

    if not rows:
        say("There are no exchange rates of that day here. Fetch them: penstock rates --refresh")
        return
    columns = (
        Column("pair", lambda row, _: f"{row['base']}/{row['currency']}"),
        Column("day", lambda row, _: row["day"]),
        Column("rate", lambda row, _: _of(row, "value"), right=True),
        Column("of", lambda row, _: _of(row, "day")),
        Column("made", lambda row, _: _of(row, "made")),
        Column("source", lambda row, _: ", ".join(row["rate"]["sources"]) if row["rate"] else ""),
    )
    print_rows(columns, rows, Seen(utc_now()))
    errors = [row["error"] for row in rows if row["error"]]
    told = (f"{error['message']} {remedy_text(error['remedy'])}" for error in errors)
    for sentence in dict.fromkeys(told):
        say(sentence)


def _of(row: Row, name: str) -> str:
    return str(row["rate"][name]) if row["rate"] else ""
