"""`penstock tie-out`: whether the accounts add up against the bank, and where to look if not."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say
from penstock.cli.words import full_id, minute, money

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]


@click.command("tie-out", cls=Command)
@click.argument("accounts", metavar="[ACCOUNT]...", nargs=-1)
@as_json
@pass_flags
@click.pass_context
def tie_out(
    context: click.Context, flags: Flags, accounts: tuple[str, ...], *, as_json: bool
) -> None:
    """Say whether these accounts, or all of them, add up against the bank's own balances.

    Ends with 1 where a difference stands, and says what to look at.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    wanted = [full_id("acc", one) for one in dict.fromkeys(accounts)]

    async def work(client: Client) -> tuple[list[Row], dict[str, Row]]:
        return await _read(client, wanted)

    found, known = ask(flags, work)
    if as_json:
        print_json(found)
    else:
        _print(found, known)
    if any(one["status"] == "difference" for row in found for one in row["currencies"]):
        context.exit(FAILED)


async def _read(client: "Client", wanted: list[str]) -> tuple[list[Row], dict[str, Row]]:
    listed = client.pages("/v1/accounts", {"include_hidden": "true"})
    known = {row["id"]: row async for row in listed}
    chosen = wanted or list(known)
    return [await client.get(f"/v1/accounts/{one}/tie-out") for one in chosen], known


def _print(found: list[Row], known: dict[str, Row]) -> None:
    from penstock.cli.briefs import say_briefs
    from penstock.cli.listing import Column, Seen, account_name, plain, print_rows
    from penstock.domain.clock import utc_now

    lines = [
        {"account": known[row["account_id"]], **one}
        for row in found
        for one in row["currencies"] or [_unchecked(known[row["account_id"]])]
    ]
    if not lines:
        say("There are no accounts yet: `penstock connect` links a bank.")
        return
    columns = (
        Column("id", lambda row, _: row["account"]["id"]),
        Column("account", lambda row, _: account_name(row["account"])),
        plain("currency", "currency"),
        plain("tie-out", "status"),
        Column("the bank has more", lambda row, _: money(_difference(row)), right=True),
        Column("since", lambda row, _: row["first_on"] or ""),
        Column("checked (UTC)", lambda row, _: minute(row["checked_at"])),
    )
    print_rows(columns, lines, Seen(utc_now()))
    for line in lines:
        if line["status"] == "difference":
            _say_where_to_look(line, account_name(line["account"]))
            say_briefs(line["candidates"], len(line["candidates"]))


def _unchecked(account: Row) -> Row:
    """Return the line of an account that was never checked."""
    blank = dict.fromkeys(("amount", "first_on", "checked_at"))
    return {"currency": account["currency"], "status": "unproven", "candidates": [], **blank}


def _difference(line: Row) -> str | None:
    return line["amount"] if line["status"] in {"settling", "difference"} else None


def _say_where_to_look(line: Row, name: str) -> None:
    account = line["account"]
    say(f"{name} does not add up by {line['amount']} {line['currency']}.")
    rows = f"penstock transactions --account {account['id']} --from {line['first_on']}"
    if line["candidates"]:
        say("These rows would explain it; compare them with what the bank shows:")
    elif line["first_on"]:
        say(f"No single row explains it. Compare with what the bank shows: `{rows}`.")
    say(f"`penstock sync {account['connection_id']} --from-start` reads all again, nothing twice.")
