"""`penstock factor`: what proves who you are besides your password."""

from typing import Any

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import can_ask, print_json, print_table, say


@click.group(cls=Commands)
def factor() -> None:
    """Second factors: authenticators here, passkeys on the page /security."""


@factor.group(cls=Commands)
def add() -> None:
    """Add a second factor."""


@add.command(cls=Command)
@click.option("--name", default="authenticator", metavar="NAME", help="What to call it.")
@pass_flags
def totp(flags: Flags, name: str) -> None:
    """Add an authenticator that shows codes. You are signed out everywhere else."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    if not can_ask():
        raise Misused("a code has to be typed", remedy="Run it at a terminal.")

    async def work(client: Client) -> list[str]:
        begun = (await client.post("/v1/me/factors/totp", {"name": name})).json()
        say("Put this into your authenticator; most take the address as a picture or by hand:")
        say(f"  {begun['uri']}")
        say(f"  secret: {begun['secret']}")
        code: str = click.prompt("The code that it shows", err=True)
        path = f"/v1/me/factors/{begun['id']}/confirm"
        answer = await client.post(path, {"code": code})
        codes: list[str] = answer.json()["recovery_codes"]
        return codes

    _show_codes(ask(flags, work))
    say("It counts from now on: signing in asks for a code.")


@factor.command(name="list", cls=Command)
@as_json
@pass_flags
def list_(flags: Flags, *, as_json: bool) -> None:
    """List your second factors."""
    found = _found(flags)
    if as_json:
        print_json(found)
        return
    columns = ("id", "kind", "name", "created_at", "used_at")
    print_table(columns, [[row[one] or "" for one in columns] for row in found["rows"]])
    say(f"{found['recovery_codes']} recovery codes are left.")


@factor.command(cls=Command)
@click.argument("factor_id", metavar="ID")
@pass_flags
def remove(flags: Flags, factor_id: str) -> None:
    """Remove a second factor. You are signed out everywhere else."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> None:
        await client.ask("DELETE", f"/v1/me/factors/{factor_id}")

    ask(flags, work)
    say("Removed.")


@factor.command(name="recovery-codes", cls=Command)
@pass_flags
def recovery_codes(flags: Flags) -> None:
    """Make new recovery codes; the ones from before are worth nothing."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> list[str]:
        codes: list[str] = (await client.post("/v1/me/recovery-codes")).json()["recovery_codes"]
        return codes

    _show_codes(ask(flags, work))


def _found(flags: Flags) -> dict[str, Any]:
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> dict[str, Any]:
        return await client.get("/v1/me/factors")

    return ask(flags, work)


def _show_codes(codes: list[str]) -> None:
    if codes:
        say("Recovery codes: each lets you in once without your authenticator. Keep them safe;")
        say("they are shown this once.")
    for code in codes:
        click.echo(code)
