"""`penstock client` and `penstock consents`: programs of others, and what you allowed them."""

from typing import TYPE_CHECKING

import click

from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.cli.client import Client


@click.group(cls=Commands)
def client() -> None:
    """Register the programs that people may let in (OAuth). For admins."""


@client.command("list", cls=Command)
@as_json
@pass_flags
def list_clients(flags: Flags, *, as_json: bool) -> None:
    """List the programs that are registered."""
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import minute

    columns = (
        plain("client id", "client_id"),
        plain("name", "name"),
        Column("secret", lambda row, _: "yes" if row["confidential"] else "none"),
        Column("may ask for", lambda row, _: " ".join(row["scopes"])),
        Column("sends people back to", lambda row, _: "\n".join(row["redirect_uris"])),
        Column("since (UTC)", lambda row, _: minute(row["created_at"])),
    )
    listing = Listing("/v1/clients", columns, "No program is registered.", {})
    show(flags, listing, as_json=as_json)


@client.command(cls=Command)
@click.argument("name")
@click.option(
    "--redirect-uri",
    metavar="URI",
    multiple=True,
    required=True,
    help="Where people are sent back to: https://…, or http://127.0.0.1/… with any port; again "
    "for more than one.",
)
@click.option(
    "--scope", metavar="SCOPES", help="What it may ask for, with spaces between; all by default."
)
@click.option(
    "--confidential", is_flag=True, help="It runs on a server and can keep a secret: make one."
)
@as_json
@pass_flags
def add(
    flags: Flags,
    name: str,
    redirect_uri: tuple[str, ...],
    *,
    scope: str | None,
    confidential: bool,
    as_json: bool,
) -> None:
    """Register a program, which people know as NAME. Its secret, if any, is shown this once."""
    from penstock.cli.door import ask

    body = {
        "name": name,
        "redirect_uris": list(redirect_uri),
        "scopes": scope.split() if scope else None,
        "confidential": confidential,
    }

    async def work(client: "Client") -> dict[str, object]:
        made: dict[str, object] = (await client.post("/v1/clients", body)).json()
        return made

    made = ask(flags, work)
    if as_json:
        print_json(made)
        return
    click.echo(f"client_id={made['client_id']}")
    if made["client_secret"]:
        click.echo(f"client_secret={made['client_secret']}")
        say("The secret is shown this once: store it where the program finds it.")


@client.command(cls=Command)
@click.argument("client_id", metavar="CLIENT-ID")
@pass_flags
def remove(flags: Flags, client_id: str) -> None:
    """Remove a program: its sessions end, and what people allowed it is forgotten."""
    from penstock.cli.door import ask

    async def work(client: "Client") -> None:
        await client.ask("DELETE", f"/v1/clients/{client_id}")

    ask(flags, work)
    say("It is gone, and what it had opens nothing any more.")


@click.group(cls=Commands, invoke_without_command=True)
@as_json
@pass_flags
@click.pass_context
def consents(context: click.Context, flags: Flags, *, as_json: bool) -> None:
    """List the programs of others that you let in, and what they may do."""
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import minute

    columns = (
        plain("id", "id"),
        plain("program", "name"),
        Column("may", lambda row, _: " ".join(row["scopes"])),
        Column("since (UTC)", lambda row, _: minute(row["given_at"])),
    )
    listing = Listing("/v1/consents", columns, "You have let no program in.", {})
    show(flags, listing, as_json=as_json)


@consents.command(cls=Command)
@click.argument("consent_id", metavar="ID")
@pass_flags
def withdraw(flags: Flags, consent_id: str) -> None:
    """Take a consent back: the program's sessions of yours end at once."""
    from penstock.cli.door import ask

    async def work(client: "Client") -> None:
        await client.ask("DELETE", f"/v1/consents/{consent_id}")

    ask(flags, work)
    say("The program is out; to come in again it has to ask you.")
