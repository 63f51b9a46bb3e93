"""`penstock accounts` and `penstock balances`."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.flags import Command, Flags, as_json, named_as, pass_flags
from penstock.cli.values import DAY
from penstock.cli.words import full_id, minute, money

if TYPE_CHECKING:
    from rich.text import Text

_EMPTY = "There are no accounts yet: `penstock connect` links a bank, `penstock sync` reads it."


@click.command(cls=Command)
@click.option("--connection", metavar="ID", help="Of this connection only.")
@click.option("--include-hidden", is_flag=True, help="Hidden ones too.")
@as_json
@pass_flags
def accounts(flags: Flags, connection: str | None, *, include_hidden: bool, as_json: bool) -> None:
    """List accounts: what stands on them, whether they add up, and how old that is."""
    from penstock.cli.listing import Column, Listing, account_name, plain, show
    from penstock.cli.staleness import freshness

    columns = (
        plain("id", "id"),
        Column("account", lambda row, _: account_name(row)),
        Column("type", lambda row, _: row["type"].replace("_", " ")),
        Column("balance", lambda row, _: money(_amount(row, "current")), right=True),
        Column("available", lambda row, _: money(_amount(row, "available")), right=True),
        plain("currency", "currency"),
        Column("tie-out", lambda row, _: tie_out(row)),
        Column("freshness", lambda row, seen: freshness(row, seen.now)),
    )
    parameters = {
        "connection": full_id("con", connection) if connection else None,
        "include_hidden": "true" if include_hidden else None,
    }
    listing = Listing("/v1/accounts", columns, _EMPTY, parameters, ages=True)
    show(flags, listing, as_json=as_json)


@click.command(cls=Command)
@click.option("--account", metavar="ID", help="Every balance ever heard of this account.")
@named_as(
    "--from",
    "since",
    twin="BALANCES_FROM",
    type=DAY,
    help="With --account: of this day or later.",
)
@named_as(
    "--to",
    "until",
    twin="BALANCES_TO",
    type=DAY,
    help="With --account: of this day or earlier.",
)
@click.option("--include-hidden", is_flag=True, help="Of hidden accounts too.")
@click.option("--limit", type=click.IntRange(1), help="So many at the most.")
@as_json
@pass_flags
def balances(
    flags: Flags,
    account: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    *,
    include_hidden: bool,
    as_json: bool,
) -> None:
    """List the newest balance of each kind, as the bank stated it; or how it was, --account."""
    from penstock.cli.listing import Column, Listing, plain, show

    if account is None and (since or until):
        raise click.UsageError("--from and --to go with --account.")
    columns = (
        Column(
            "account", lambda row, seen: seen.accounts.get(row["account_id"], row["account_id"])
        ),
        plain("balance", "type"),
        Column("amount", lambda row, _: money(row["amount"]), right=True),
        plain("currency", "currency"),
        plain("day", "as_of_on"),
        Column("stated at (UTC)", lambda row, _: minute(row["as_of"])),
    )
    path = f"/v1/accounts/{full_id('acc', account)}/balances" if account else "/v1/balances"
    parameters: dict[str, Any] = {"from": since, "to": until}
    if account is None:
        parameters = {"include_hidden": "true" if include_hidden else None}
    listing = Listing(path, columns, _EMPTY, parameters, limit, names_accounts=True, ages=True)
    show(flags, listing, as_json=as_json)


def tie_out(row: dict[str, Any]) -> "Text":
    """Return whether an account adds up; what does not is named to the last digit."""
    from rich.text import Text

    found = row["tie_outs"]
    if not found:
        return Text("unproven", style="dim")
    parts = Text()
    for one in found:
        if parts:
            parts.append(", ")
        parts.append(*_one_tie_out(one))
    return parts


def _one_tie_out(one: dict[str, Any]) -> tuple[str, str]:
    status, amount = one["status"], f"{money(one['amount'])} {one['currency']}"
    if status == "ok":
        return "ok", "green"
    if status == "unproven":
        return "unproven", "dim"
    since = f" since {one['first_on']}" if one["first_on"] else ""
    return f"{status}: {amount}{since}", "yellow" if status == "settling" else "red"


def _amount(row: dict[str, Any], kind: str) -> str | None:
    """Return the balance of a kind, the one in the account's own currency if there are several."""
    found = [one for one in row["balances"] if one["type"] == kind]
    found.sort(key=lambda one: bool(one["currency"] != row["currency"]))
    return str(found[0]["amount"]) if found else None
