"""`penstock networth`: the sum of it all, how old its oldest part is, and what is not in it."""

from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.values import CURRENCY, DAY

if TYPE_CHECKING:
    from datetime import datetime

    from penstock.cli.client import Client

Row = dict[str, Any]
_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 60
_PRICE: Final = "Set a price of your own: penstock price set SECURITY AMOUNT CURRENCY"
_GROUPS: Final = {
    "type": "types",
    "currency": "currencies",
    "institution": "institutions",
    "account": "accounts",
}
_REMEDIES: Final = {
    "no_rate": "Fetch exchange rates: penstock rates --refresh. One that nobody publishes you can "
    "set: penstock rates set CURRENCY RATE",
    "no_price": _PRICE,
    "stale_price": _PRICE,
    "no_balance": "Read what the bank says: penstock sync",
}
_LEFT: Final = {
    "hidden": "hidden",
    "disconnected": "disconnected",
    "closed": "closed at the bank",
    "not_started": "begins later",
    "linked_twice": "linked twice, and counted once",
}


@click.command(cls=Command)
@click.option(
    "--currency", type=CURRENCY, metavar="CODE", help="In this one; else that of most accounts."
)
@click.option("--day", type=DAY, help="At the end of this day; else now.")
@named_as("--from", "since", twin="NETWORTH_FROM", type=DAY, help="With each day from this one on.")
@named_as("--to", "until", twin="NETWORTH_TO", type=DAY, help="With --from: the last of them.")
@click.option("--by", type=click.Choice(tuple(_GROUPS)), default="type", help="How it is grouped.")
@click.option("--parts", is_flag=True, help="Show each account and holding that counts.")
@as_json
@pass_flags
@click.pass_context
def networth(  # noqa: PLR0917 - click gives each by its name
    context: click.Context,
    flags: Flags,
    /,
    currency: str | None,
    day: str | None,
    since: str | None,
    until: str | None,
    by: str,
    *,
    parts: bool,
    as_json: bool,
) -> None:
    """Add up what accounts and holdings are worth, in one currency.

    What has no price or no rate is not in the total: it is listed beside it, with the reason.
    Ends with 1 where that is all there is.
    """
    from penstock.cli.door import ask

    if until and not since:
        raise click.UsageError("--to goes with --from.")

    async def work(client: "Client") -> Row:
        asked = {"currency": currency, "day": day, "from": since, "to": until}
        return await client.get("/v1/networth", asked)

    found = ask(flags, work)
    if as_json:
        print_json(found)
    else:
        _print(found, by, parts=parts)
    if found["total"] is None and found["missing"]:
        context.exit(FAILED)


def _print(found: Row, by: str, *, parts: bool) -> None:
    from penstock.domain.clock import utc_now

    now = utc_now()
    if found["total"] is None and not found["missing"]:
        say("Nothing is known yet: `penstock connect` links a bank, `penstock sync` reads it.")
    elif found["series"] is not None:
        _print_series(found)
    elif parts:
        _print_parts(found, now)
    else:
        _print_groups(found, by)
    _say_the_rest(found, now)


def _print_groups(found: Row, by: str) -> None:
    """Print what each group has and owes, apart, for shares are those of what there is."""
    from penstock.cli.terminal import print_table

    names = {one["account_id"]: one["name"] for one in found["parts"]} if by == "account" else {}
    groups = found["allocation"][_GROUPS[by]]
    lines = [
        _sums(_group(one["name"], names), one["assets"], one["percent"], one["amount"])
        for one in groups
    ]
    whole = "100.00" if any(one["percent"] for one in groups) else None
    lines.append(_sums("total", found["assets"], whole, found["total"]))
    heading = [by, "assets", "of assets", "liabilities", f"net ({found['currency']})"]
    print_table(heading, lines, right=heading[1:])


def _sums(name: str, assets: str | None, percent: str | None, net: str | None) -> list[Any]:
    """Return a line: what there is, its share, what is owed (or was sold short), and both."""
    from decimal import Decimal

    from penstock.cli.words import money
    from penstock.domain.valuation import total

    has = Decimal(assets or 0)
    owes = total([Decimal(net or 0), has.copy_negate()])
    share = f"{percent} %" if has and percent is not None else ""
    shown = [format(one, "f") if one else None for one in (has, owes)]
    return [name, money(shown[0]), share, money(shown[1]), money(net)]


def _group(name: str, names: dict[str, str]) -> str:
    return names.get(name, name.replace("_", " "))


def _print_parts(found: Row, now: "datetime") -> None:
    from penstock.cli.terminal import print_table
    from penstock.cli.words import age, money

    lines = [
        [
            one["name"],
            one["type"].replace("_", " "),
            money(one["value"]),
            one["currency"],
            money(one["amount"]),
            ", ".join([one["source"].replace("_", " "), *_words(one["flags"])]),
            age(one["as_of"], now),
        ]
        for one in found["parts"]
    ]
    lines.append(["total", "", "", "", money(found["total"]), "", ""])
    heading = ["what", "type", "value", "in", found["currency"], "by", "as of"]
    print_table(heading, lines, right=["value", found["currency"]])


def _words(flags: list[str]) -> list[str]:
    return [flag.replace("_", " ") for flag in flags]


def _print_series(found: Row) -> None:
    from penstock.cli.terminal import print_table
    from penstock.cli.words import money

    days = found["series"]
    lines = [
        [
            one["day"],
            *(money(one[word]) for word in ("assets", "liabilities", "total")),
            str(len(one["missing"]) or ""),
        ]
        for one in days
    ]
    heading = ["day", "assets", "liabilities", f"total ({found['currency']})", "missing"]
    print_table(heading, lines, right=heading[1:])
    curve = sparkline([one["total"] for one in days])
    if curve.strip():
        say(curve)
    if days[:-1]:
        _say_what_was_missing(days[:-1])


def _say_what_was_missing(days: list[Row]) -> None:
    """Say of each thing on how many of the days before the last it was not in the total."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in days:
        for part in one["missing"]:
            found.setdefault((part["name"], part["id"], part["reason"]), []).append(one["day"])
    for (name, number, reason), on in found.items():
        when = on[0] if len(on) == 1 else f"{len(on)} days, {on[0]} to {on[-1]}"
        say(f"not in it on {when}: {name} ({number}): {reason.replace('_', ' ')}")


def sparkline(totals: list[str | None]) -> str:
    """Draw figures as bars, sixty at the most, each the last of its days; a gap is a blank."""
    from decimal import Decimal

    step = -(-len(totals) // _WIDTH) or 1
    ends = [totals[min(at + step, len(totals)) - 1] for at in range(0, len(totals), step)]
    known = [Decimal(one) for one in ends if one is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(_BARS) - 1
    return "".join(
        " " if one is None else _BARS[int((Decimal(one) - low) * top / span) if span else 0]
        for one in ends
    )


def _say_the_rest(found: Row, now: "datetime") -> None:
    """Say what is not in the total, and how old it is."""
    from penstock.cli.failure import printable
    from penstock.cli.words import age

    missing = found["missing"]
    for text in dict.fromkeys(one["text"] for one in missing):
        names = ", ".join(f"{one['name']} ({one['id']})" for one in missing if one["text"] == text)
        say(printable(f"not in it: {names}: {text}"))
    for reason in dict.fromkeys(one["reason"] for one in missing):
        if reason in _REMEDIES:
            say(_REMEDIES[reason])
    for one in found["left_out"]:
        say(printable(f"left out: {one['name']} ({one['id']}): {_LEFT[one['reason']]}"))
    oldest = found["oldest"]
    if oldest is not None:
        when = age(oldest["as_of"], now)
        say(printable(f"Its oldest part is {oldest['name']}, as of {when}."))
    if found["rates_on"] is not None:
        say(f"Its oldest exchange rate is of {found['rates_on']}.")
