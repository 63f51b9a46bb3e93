"""`penstock transactions`."""

from typing import Any

import click

from penstock.cli.flags import Command, Flags, as_json, named_as, pass_flags
from penstock.cli.values import AMOUNT, DAY
from penstock.cli.words import full_id, money


@click.command(cls=Command)
@click.option("--account", metavar="ID", help="Of this account, hidden or not.")
@click.option("--connection", metavar="ID", help="Of this connection.")
@named_as(
    "--from",
    "since",
    twin="TRANSACTIONS_FROM",
    type=DAY,
    help="Dated this day (YYYY-MM-DD) or later.",
)
@named_as(
    "--to",
    "until",
    twin="TRANSACTIONS_TO",
    type=DAY,
    help="Dated this day or earlier.",
)
@click.option("--min-amount", type=AMOUNT, help="This much or more; + is towards you.")
@click.option("--max-amount", type=AMOUNT, help="This much or less.")
@click.option("--text", help="Somewhere in description, counterparty, note or reference.")
@click.option("--status", type=click.Choice(["pending", "posted"]), help="On the books or not yet.")
@click.option("--category", metavar="WORD", help="Of this category.")
@click.option("--include-removed", is_flag=True, help="What the bank took back too.")
@click.option("--include-hidden", is_flag=True, help="Hidden rows too.")
@click.option("--include-deleted", is_flag=True, help="What you deleted too.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most, the newest first.")
@as_json
@pass_flags
def transactions(
    flags: Flags,
    /,
    account: str | None,
    connection: str | None,
    limit: int | None,
    *,
    as_json: bool,
    **filters: Any,
) -> None:
    """List transactions, the newest first: 100 in a table, all with --json, or --limit."""
    from penstock.cli.listing import Column, Listing, plain, show

    columns = (
        plain("day", "dated_on"),
        Column(
            "account", lambda row, seen: seen.accounts.get(row["account_id"], row["account_id"])
        ),
        Column("what", lambda row, _: _what(row)),
        Column("amount", lambda row, _: money(row["amount"]), right=True),
        plain("currency", "currency"),
        plain("category", "category"),
        Column("marks", lambda row, _: _marks(row)),
        plain("id", "id"),
    )
    parameters = {
        "account": full_id("acc", account) if account else None,
        "connection": full_id("con", connection) if connection else None,
        "from": filters.pop("since"),
        "to": filters.pop("until"),
        **{name: _sent(value) for name, value in filters.items()},
    }
    empty = "There are no such transactions."
    listing = Listing(
        "/v1/transactions", columns, empty, parameters, limit, names_accounts=True, ages=True
    )
    show(flags, listing, as_json=as_json)


def _sent(value: object) -> object:
    """Return a filter as the API reads it; a flag that is not set is not sent."""
    return ("true" if value else None) if isinstance(value, bool) else value


def _what(row: dict[str, Any]) -> str:
    who, what = row["counterparty"], row["description"]
    return str(what if not who or who in what else f"{who}: {what}")


def _marks(row: dict[str, Any]) -> str:
    marks = [
        "pending" if row["status"] == "pending" else "",
        "overdue" if row["overdue"] else "",
        "taken back" if row["removed_at"] else "",
        "deleted" if row["deleted_at"] else "",
        "hidden" if row["hidden"] else "",
    ]
    return ", ".join(filter(None, marks))
