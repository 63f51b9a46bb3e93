"""`penstock sync`: sync now, watch it, and say whether all is up to date afterwards."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.failure import FAILED
from penstock.cli.flags import Command, Flags, as_json, named_as, pass_flags
from penstock.cli.sync_words import QUEUED
from penstock.cli.terminal import print_json, say
from penstock.cli.words import full_id, remedy_text
from penstock.domain.imported import FILES

if TYPE_CHECKING:
    from penstock.cli.client import Client

Row = dict[str, Any]


@click.command(cls=Command)
@click.argument("connections", metavar="[ID]...", nargs=-1)
@named_as(
    "--all",
    "every",
    twin="SYNC_ALL",
    is_flag=True,
    help="Every connection; so it is without an ID.",
)
@click.option("--from-start", is_flag=True, help="Read all again, from no cursor.")
@as_json
@pass_flags
@click.pass_context
def sync(
    context: click.Context,
    flags: Flags,
    connections: tuple[str, ...],
    *,
    every: bool,
    from_start: bool,
    as_json: bool,
) -> None:
    """Sync these connections now, or all of them, and wait for the end.

    Ends with 0 only if every one of them is up to date afterwards, and none has rows that could
    not be read: those are missing, whatever else was read.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    if every and connections:
        raise click.UsageError("Either --all or some IDs.")
    wanted = [full_id("con", one) for one in connections]

    async def work(client: Client) -> tuple[list[Row], list[Row]]:
        return await _sync(client, wanted, from_start=from_start)

    ended, standing = ask(flags, work)
    behind = [row for row in standing if row["freshness"]["state"] not in ("fresh", "imported")]
    unfinished = [row for row in ended if row["outcome"] != "done"]
    passed_over = _passed_over(ended, standing)
    unread = [row for row in standing if row["quarantined"]]
    fresh = not (behind or unfinished or passed_over or unread)
    if as_json:
        print_json({"up_to_date": fresh, "syncs": ended, "connections": standing})
    else:
        _print(ended, standing)
    _say_unread(unread, told=set() if as_json else {row["connection_id"] for row in unfinished})
    _say_ending(
        standing, told={row["id"] for row in unread} | {one["connection_id"] for one in unfinished}
    )
    for row in passed_over:
        held = "something else holds it, or it could not be begun"
        say(f"{row['name']} was not synced: {held}. Its turn comes by itself.")
    if not fresh:
        context.exit(FAILED)


async def _sync(
    client: "Client", wanted: list[str], *, from_start: bool
) -> tuple[list[Row], list[Row]]:
    """Start the syncs and wait for them; return how they ended and how the connections stand.

    Without `wanted` that is how every live connection with a bank stands: one whose sync could not
    be started is not in the answer, and must not be taken for one that is up to date.
    """
    from penstock.cli.watching import watch

    order = {"from_start": from_start}
    if wanted:
        paths = [f"/v1/connections/{one}/syncs" for one in dict.fromkeys(wanted)]
        started = [(await client.post(path, order)).json() for path in paths]
    else:
        started = (await client.post("/v1/syncs", order)).json()["rows"]
    names = {row["id"]: row["name"] async for row in client.pages("/v1/connections")}
    ended = await watch(client, started, names, order)
    synced = {row["connection_id"] for row in ended}
    standing = [
        row
        async for row in client.pages("/v1/connections")
        if row["id"] in synced
        or not (wanted or row["disconnected_at"] or row["connector"] == FILES)
    ]
    return ended, standing


def _passed_over(ended: list[Row], standing: list[Row]) -> list[Row]:
    """Return the connections of which no sync was begun."""
    synced = {row["connection_id"] for row in ended if row["outcome"] != QUEUED}
    return [row for row in standing if row["id"] not in synced]


def _say_unread(unread: list[Row], told: set[str]) -> None:
    """Say what was not read, and what else is to be done, unless it was `told` already."""
    from penstock.domain.remedy import unreadable

    for row in unread:
        hint, other = unreadable(row["quarantined"]).text, remedy_text(row["remedy"])
        say(f"{row['name']} is not whole: {hint}")
        if other not in ("", hint) and row["id"] not in told:
            say(f"{row['name']}: {other}")


def _say_ending(standing: list[Row], told: set[str]) -> None:
    """Say whose consent ends soon, unless what is to be done was `told` already."""
    for row in standing:
        if row["consent"]["state"] == "expiring" and row["id"] not in told:
            say(f"{row['name']}: {remedy_text(row['remedy'])}")


def _print(ended: list[Row], standing: list[Row]) -> None:
    from penstock.cli.listing import Column, Seen, print_rows
    from penstock.cli.sync_words import COUNTS, outcome, took, waits, why
    from penstock.domain.clock import utc_now

    if not ended and not standing:
        say("There is nothing to sync: link a bank with `penstock connect`.")
    if not ended:
        return
    names = {row["id"]: row["name"] for row in standing}
    columns = (
        Column("connection", lambda row, _: names.get(row["connection_id"], row["connection_id"])),
        Column("outcome", lambda row, _: outcome(row)),
        *COUNTS,
        Column("waits", lambda row, _: waits(row)),
        Column("took", lambda row, _: took(row), right=True),
    )
    print_rows(columns, ended, Seen(utc_now()))
    for row in ended:
        if row["outcome"] not in ("done", QUEUED):
            name = names.get(row["connection_id"], row["connection_id"])
            ended_as = f"{row['outcome'].replace('_', ' ')} ({row['id']})"
            say(f"{name} is not up to date: {ended_as}. {why(row)}")
