"""`penstock holdings`."""

import click

from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.words import full_id, money


@click.command(cls=Command)
@click.option("--account", metavar="ID", help="Of this account, hidden or not.")
@click.option("--connection", metavar="ID", help="Of this connection.")
@click.option("--symbol", help="With this very symbol.")
@click.option("--include-ended", is_flag=True, help="What is held no more too.")
@click.option("--include-hidden", is_flag=True, help="Of hidden accounts too.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most.")
@as_json
@pass_flags
def holdings(
    flags: Flags,
    /,
    account: str | None,
    connection: str | None,
    symbol: str | None,
    limit: int | None,
    *,
    include_ended: bool,
    include_hidden: bool,
    as_json: bool,
) -> None:
    """List what accounts hold, with the prices and values that their institutions state."""
    from penstock.cli.listing import Column, Listing, plain, show

    columns = (
        plain("symbol", "symbol"),
        Column("name", lambda row, _: row["name"] + (" (ended)" if row["ended_at"] else "")),
        Column("quantity", lambda row, _: money(row["quantity"]), right=True),
        Column("price", lambda row, _: money(row["price"]), right=True),
        Column("value", lambda row, _: money(row["value"]), right=True),
        plain("currency", "currency"),
        Column(
            "account", lambda row, seen: seen.accounts.get(row["account_id"], row["account_id"])
        ),
    )
    parameters = {
        "account": full_id("acc", account) if account else None,
        "connection": full_id("con", connection) if connection else None,
        "symbol": symbol,
        "include_ended": "true" if include_ended else None,
        "include_hidden": "true" if include_hidden else None,
    }
    empty = "There are no such holdings."
    listing = Listing(
        "/v1/holdings", columns, empty, parameters, limit, names_accounts=True, ages=True
    )
    show(flags, listing, as_json=as_json)
