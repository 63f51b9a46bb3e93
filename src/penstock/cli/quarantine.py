"""`penstock quarantine`: rows of the bank that could not be read, shown, and tried again."""

from typing import Any

import click

from penstock.cli.failure import FAILED, printable
from penstock.cli.flags import Command, Commands, Flags, as_json, named_as, pass_flags
from penstock.cli.terminal import print_facts, print_json, say
from penstock.cli.words import full_id, minute

Row = dict[str, Any]


@click.group(cls=Commands)
def quarantine() -> None:
    """Look at the rows of the bank that could not be read, and try them again."""


@quarantine.command("list", cls=Command)
@named_as(
    "--all",
    "every",
    twin="QUARANTINE_LIST_ALL",
    is_flag=True,
    help="Those that need no more care too.",
)
@as_json
@pass_flags
def list_(flags: Flags, *, every: bool, as_json: bool) -> None:
    """List them, the oldest first, each with the reason. They are in no list and in no sum."""
    from penstock.cli.listing import Column, Listing, plain, show

    columns = (
        plain("id", "id"),
        plain("connection", "connection_id"),
        Column("since (UTC)", lambda row, _: minute(row["created_at"])),
        plain("the bank's id", "external_id"),
        Column("state", lambda row, _: row["resolution"] or "open"),
        plain("reason", "reason"),
    )
    empty = "Every row that the banks sent could be read."
    parameters = {"every": "true" if every else None}
    show(flags, Listing("/v1/quarantine", columns, empty, parameters), as_json=as_json)


@quarantine.command("show", cls=Command)
@click.argument("quarantine_id", metavar="ID")
@as_json
@pass_flags
def show_one(flags: Flags, quarantine_id: str, *, as_json: bool) -> None:
    """Show one of them, with all that the bank sent."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    number = full_id("qua", quarantine_id)

    async def work(client: Client) -> Row:
        return await client.get(f"/v1/quarantine/{number}")

    row = ask(flags, work)
    if as_json:
        print_json(row)
        return
    print_facts(
        [
            ("id", row["id"]),
            ("connection", row["connection_id"]),
            ("sync", row["sync_id"]),
            ("since (UTC)", minute(row["created_at"])),
            ("state", row["resolution"] or "open"),
            ("reason", row["reason"]),
        ]
    )
    click.echo()
    click.echo(printable(row["raw"]))


@quarantine.command(cls=Command)
@click.argument("connections", metavar="[CONNECTION]...", nargs=-1)
@as_json
@pass_flags
@click.pass_context
def retry(
    context: click.Context, flags: Flags, connections: tuple[str, ...], *, as_json: bool
) -> None:
    """Try to read them once more with the program as it is now, of these connections or of all.

    The bank is not asked. Ends with 0 only if none is left.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    wanted: list[str | None] = [full_id("con", one) for one in dict.fromkeys(connections)]

    async def work(client: Client) -> list[Row]:
        answers = [
            (await client.post("/v1/quarantine/retry", {"connection": one})).json()
            for one in wanted or [None]
        ]
        return [row for answer in answers for row in answer["rows"]]

    rows = ask(flags, work)
    left = sum(row["left"] for row in rows)
    if as_json:
        print_json({"rows": rows, "mapped": sum(row["mapped"] for row in rows), "left": left})
    for row in rows:
        why = f": {row['message']}" if row["message"] else "."
        say(f"{row['connection_id']}: {row['mapped']} read, {row['left']} left{why}")
    if not rows:
        say("There is none.")
    if left:
        say("`penstock quarantine list` says why; a later version may read them.")
        context.exit(FAILED)
