"""`penstock holdings`: what is held, what it is worth, and since when that is so."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.values import CURRENCY
from penstock.cli.words import full_id, money

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rich.text import Text

    from penstock.cli.client import Client
    from penstock.cli.listing import Column, Seen

Row = dict[str, Any]


@click.command(cls=Command)
@click.option("--account", metavar="ID", help="Of this account, hidden or not.")
@click.option("--connection", metavar="ID", help="Of this connection.")
@click.option("--symbol", help="With this very symbol.")
@click.option("--include-ended", is_flag=True, help="What is held no more too.")
@click.option("--include-hidden", is_flag=True, help="Of hidden accounts too.")
@click.option(
    "--currency", type=CURRENCY, metavar="CODE", help="What it is worth in this currency."
)
@click.option(
    "--wide", is_flag=True, help="With its account, the gain in money, and whose price counts."
)
@click.option("--limit", type=click.IntRange(1), help="So many at the most.")
@click.option("--refresh", is_flag=True, help="Ask for new prices of all that you hold first.")
@as_json
@pass_flags
def holdings(
    flags: Flags,
    /,
    account: str | None,
    connection: str | None,
    symbol: str | None,
    currency: str | None,
    limit: int | None,
    *,
    include_ended: bool,
    include_hidden: bool,
    refresh: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """List what accounts hold, what it is worth, and what was gained with it.

    The value is by a fresh quote or a price of your own, else as the institution states it; both
    are in --json, with --currency. `penstock networth` adds up.
    """
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import age

    if refresh:
        _refresh(flags)

    columns = (
        plain("symbol", "symbol"),
        Column("name", lambda row, _: row["name"] + (" (ended)" if row["ended_at"] else "")),
        Column("quantity", lambda row, _: money(row["quantity"]), right=True),
        Column("price", lambda row, _: price_of(row), right=True),
        Column("value", lambda row, _: _value(row), right=True),
        *_converted(currency),
        Column("gain", lambda row, _: _gain(row, in_money=wide), right=True),
        Column("as of", lambda row, seen: _age(row, seen, age)),
        *(_wide() if wide else ()),
    )
    parameters = {
        "account": full_id("acc", account) if account else None,
        "connection": full_id("con", connection) if connection else None,
        "symbol": symbol,
        "include_ended": "true" if include_ended else None,
        "include_hidden": "true" if include_hidden else None,
        "currency": currency,
        "worth": None if currency or as_json else "true",
    }
    empty = "There are no such holdings: `penstock sync` reads what your accounts hold."
    listing = Listing(
        "/v1/holdings", columns, empty, parameters, limit, names_accounts=True, ages=True
    )
    show(flags, listing, as_json=as_json)


def _refresh(flags: Flags) -> None:
    """Ask for new prices, and say of what there are none."""
    from penstock.cli.door import ask
    from penstock.cli.terminal import say

    async def work(client: "Client") -> list[Row]:
        rows: list[Row] = (await client.post("/v1/quotes/refresh")).json()["rows"]
        return rows

    for row in ask(flags, work):
        if row["code"]:
            say(f"{row['instrument']}: {row['code'].replace('_', ' ')}.")


def _of(row: Row, which: str, field: str) -> Any:
    """Return a field of one of the opinions about a position; None where there is none."""
    opinion = (row["worth"] or {}).get(which)
    return opinion and opinion[field]


def price_of(row: Row) -> "Text":
    """Write the price that counts, our quote's or the institution's, in the currency of the value.

    One that the institution states in pence keeps its unit; of par it is in per cent.
    """
    from decimal import Decimal

    quote, currency = _of(row, "taken", "price"), _of(row, "taken", "currency")
    if quote is None:
        shown = money(row["price"])
        in_pence = shown and currency not in (None, row["currency"])
        return shown.append(f" {row['currency']}") if in_pence else shown
    if quote["basis"] == "percent_of_par":
        return money(quote["price"]).append(" %")
    return money(format(Decimal(quote["price"]) * Decimal(quote["scale"]), "f"))


def _value(row: Row) -> "Text | str":
    """Write what it is worth, with the currency; else why that is not known."""
    taken = _of(row, "taken", "value")
    return money(taken).append(f" {_of(row, 'taken', 'currency')}") if taken else _by(row)


def _converted(currency: str | None) -> "tuple[Column, ...]":
    """Return the column of what it is worth in the asked currency, where one was asked for."""
    from penstock.cli.listing import Column

    if currency is None:
        return ()
    return (
        Column(f"in {currency}", lambda row, _: money((row["worth"] or {}).get("amount")), True),
    )


def _gain(row: Row, *, in_money: bool) -> "Text":
    from rich.text import Text

    gain = (row["worth"] or {}).get("gain")
    if gain is None:
        return Text("")
    sign, style = ("", "red") if gain["amount"].startswith("-") else ("+", "green")
    percent = "" if gain["percent"] is None else f"{sign}{gain['percent']} %"
    amount = f"{sign}{money(gain['amount'])} {gain['currency']}"
    if not in_money:
        return Text(percent or amount, style=style)
    return Text(f"{amount} ({percent})" if percent else amount, style=style)


def _by(row: Row) -> str:
    """Say what the value is taken from, or why there is none."""
    worth = row["worth"]
    if worth is None:
        return ""
    words = (_of(row, "taken", "source") or worth["missing"], *worth["flags"])
    return ", ".join(word.replace("_", " ") for word in words)


def _age(row: Row, seen: "Seen", age: "Callable[[str, datetime], str]") -> str:
    stated = _of(row, "taken", "as_of")
    return age(stated, seen.now) if stated else ""


def _wide() -> "tuple[Column, ...]":
    """Return the columns for which there is no room on a narrow screen."""
    from penstock.cli.listing import Column

    return (
        Column("by", lambda row, _: _by(row)),
        Column(
            "account", lambda row, seen: seen.accounts.get(row["account_id"], row["account_id"])
        ),
    )
