"""Transactions in short, one a line: for whoever decides something about them."""

from typing import Any

from penstock.cli.terminal import say
from penstock.cli.words import money


def brief(row: dict[str, Any]) -> str:
    """Return a transaction on one line: day, amount, what it was, what you wrote, its id."""
    who, what = row["counterparty"], row["description"]
    words = what if not who or who in what else f"{who}: {what}"
    note = f" ({row['note']})" if row["note"] else ""
    return (
        f"{row['dated_on']}  {money(row['amount'])} {row['currency']}  {words}{note}  {row['id']}"
    )


def say_briefs(rows: list[dict[str, Any]], count: int) -> None:
    """Say these transactions, and how many more there are of `count`."""
    for row in rows:
        say(f"  {brief(row)}")
    if count > len(rows):
        say(f"  and {count - len(rows)} more")
