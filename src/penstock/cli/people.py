"""`penstock user list`, `invite`, `disable`, `enable`, `role`: people, through the API."""

from typing import Any

import click

from penstock.cli.failure import Failed
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, print_table, say

_COLUMNS = ("id", "username", "role", "created_at", "disabled_at")


@click.command(name="list", cls=Command)
@as_json
@pass_flags
def list_(flags: Flags, *, as_json: bool) -> None:
    """List everybody. Admins only."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> list[dict[str, Any]]:
        return [row async for row in client.pages("/v1/people")]

    rows = ask(flags, work)
    if as_json:
        print_json(rows)
    else:
        print_table(_COLUMNS, [[row[one] or "" for one in _COLUMNS] for row in rows])


@click.command(cls=Command)
@click.option("--admin", is_flag=True, help="Whoever accepts is an admin.")
@click.option("--note", default="", metavar="TEXT", help="For whom it is, for your own list.")
@pass_flags
def invite(flags: Flags, note: str, *, admin: bool) -> None:
    """Print a link with which somebody makes themselves a person here, once, within a week."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> dict[str, Any]:
        body = {"role": "admin" if admin else "member", "note": note}
        made: dict[str, Any] = (await client.post("/v1/invitations", body)).json()
        return made

    made = ask(flags, work)
    click.echo(made["url"])
    say(f"Good until {made['expires_at']}; shown this once.")


@click.command(cls=Command)
@click.argument("name")
@pass_flags
def disable(flags: Flags, name: str) -> None:
    """Let NAME in no more; everything of theirs ends at once. Admins only."""
    _change(flags, name, {"disabled": True})
    say(f"{name} is disabled.")


@click.command(cls=Command)
@click.argument("name")
@pass_flags
def enable(flags: Flags, name: str) -> None:
    """Let NAME in again. Admins only."""
    _change(flags, name, {"disabled": False})
    say(f"{name} is enabled.")


@click.command(cls=Command)
@click.argument("name")
@click.argument("role", type=click.Choice(["admin", "member"]))
@pass_flags
def role(flags: Flags, name: str, role: str) -> None:
    """Make NAME an admin or a member. Admins only."""
    _change(flags, name, {"role": role})
    say(f"{name} is now {role}.")


def _change(flags: Flags, name: str, change: dict[str, object]) -> None:
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> None:
        async for row in client.pages("/v1/people"):
            if row["username"] == name.strip().lower():
                await client.ask("PATCH", f"/v1/people/{row['id']}", body=change)
                return
        raise Failed(f"there is nobody called {name}", remedy="See `penstock user list`.")

    ask(flags, work)
