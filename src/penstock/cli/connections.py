"""`penstock connectors`, `institutions`, `connections` and `disconnect`."""

from typing import Any

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import can_ask, print_json, say
from penstock.cli.words import full_id, minute, remedy_text, ways
from penstock.domain.option import variable


@click.command(cls=Command)
@as_json
@pass_flags
def connectors(flags: Flags, *, as_json: bool) -> None:
    """List the providers that Penstock can speak with, and what is still missing for each."""
    from penstock.cli.listing import Column, Listing, plain, show

    columns = (
        plain("name", "name"),
        plain("institution", "title"),
        Column("ready", lambda row, _: "yes" if row["ready"] else "no"),
        Column("linked", lambda row, _: ways(row["plans"])),
        Column("to set", lambda row, _: ", ".join(map(variable, row["missing_settings"]))),
        plain("where to get it", "keys_url"),
    )
    show(flags, Listing("/v1/connectors", columns, "There are none."), as_json=as_json)


@click.command(cls=Command)
@click.argument("connector")
@click.argument("words", nargs=-1)
@click.option("--country", metavar="CODE", default="", help="Only there: DE, FR, GB.")
@as_json
@pass_flags
def institutions(
    flags: Flags, connector: str, words: tuple[str, ...], country: str, *, as_json: bool
) -> None:
    """Find the institutions that CONNECTOR reaches, by WORDS of their names.

    Their ids are what `penstock connect CONNECTOR --institution ID` takes.
    """
    from penstock.cli.listing import Listing, plain, show

    asked = {"connector": connector, "words": " ".join(words), "country": country.upper()}
    columns = (plain("id", "id"), plain("institution", "name"))
    listing = Listing("/v1/institutions", columns, "There is none of that name.", asked)
    show(flags, listing, as_json=as_json)


@click.command(cls=Command)
@as_json
@pass_flags
def connections(flags: Flags, *, as_json: bool) -> None:
    """List what is linked: how fresh each is, how its consent stands, and what it asks for."""
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.staleness import freshness

    columns = (
        plain("id", "id"),
        plain("name", "name"),
        Column("freshness", lambda row, seen: freshness(row, seen.now)),
        Column("consent", lambda row, _: _consent(row)),
        Column("accounts", lambda row, _: str(row["accounts"]), right=True),
        Column("next sync", lambda row, _: _next_sync(row)),
        Column("to review", lambda row, _: _to_review(row)),
        Column("what to do", lambda row, _: remedy_text(row["remedy"])),
    )
    empty = "Nothing is linked yet: `penstock connectors` lists what can be."
    show(flags, Listing("/v1/connections", columns, empty), as_json=as_json)


@click.command(cls=Command)
@click.argument("connection", metavar="ID")
@click.option("--delete-data", is_flag=True, help="Delete its accounts and their rows here too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_flags
def disconnect(
    flags: Flags, connection: str, *, delete_data: bool, yes: bool, as_json: bool
) -> None:
    """End the connection ID: revoke it at the bank, and wipe what opens it. The history stays."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    number = full_id("con", connection)

    async def work(client: Client) -> dict[str, Any]:
        row = await client.get(f"/v1/connections/{number}")
        if not yes:
            _confirm(row["name"], delete_data=delete_data)
        parameters = {"delete_data": "true"} if delete_data else {}
        answer = await client.ask("DELETE", f"/v1/connections/{number}", parameters=parameters)
        ended: dict[str, Any] = answer.json()
        return ended

    ended = ask(flags, work)
    if as_json:
        print_json(ended)
    say("Disconnected: what opened it is wiped here.")
    if ended["revoked"] is None:
        say("It was disconnected before: the bank was not asked again.")
    elif ended["revoked"]:
        say("The bank confirmed that our access has ended.")
    elif ended["retried"]:
        say("The bank did not confirm it yet: it is asked again, for as long as Penstock runs.")
    else:
        say("The bank did not confirm it: look among the permissions that you gave there.")
    say("Its rows are deleted." if ended["data_deleted"] else "Its history stays.")


def _confirm(name: str, *, delete_data: bool) -> None:
    if not can_ask():
        raise Misused("this wants a yes", remedy="Say it with --yes.")
    rows = " and delete all its rows" if delete_data else ""
    click.confirm(f"Disconnect {name}{rows}?", abort=True, err=True)


def _next_sync(row: dict[str, Any]) -> str:
    return "paused" if row["paused"] else minute(row["next_sync_at"])


def _to_review(row: dict[str, Any]) -> str:
    """Name what waits for a look: rows that could not be read, and suggestions."""
    waiting = [
        f"{row['quarantined']} unreadable" if row["quarantined"] else "",
        f"{row['suggestions']} suggested" if row["suggestions"] else "",
    ]
    return ", ".join(filter(None, waiting))


def _consent(row: dict[str, Any]) -> str:
    consent = row["consent"]
    is_open = consent["state"] in {"active", "expiring"} and consent["expires_at"]
    until = f" until {consent['expires_at'][:10]}" if is_open else ""
    near = f" ({consent['days_left']} days left)" if consent["state"] == "expiring" else ""
    return f"{consent['state'].replace('_', ' ')}{until}{near if until else ''}"
