"""`penstock sessions` and `password`: where somebody is signed in, and what lets them in."""

from typing import TYPE_CHECKING

import click

from penstock.cli.flags import Command, Commands, Flags, as_json, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.terminal import say

if TYPE_CHECKING:
    from penstock.cli.client import Client


@click.group(cls=Commands, invoke_without_command=True)
@as_json
@pass_flags
@click.pass_context
def sessions(context: click.Context, flags: Flags, *, as_json: bool) -> None:
    """List where you are signed in."""
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.listing import Column, Listing, plain, show
    from penstock.cli.words import minute

    columns = (
        plain("id", "id"),
        Column("", lambda row, _: "this one" if row["current"] else ""),
        plain("program", "client_id"),
        plain("address", "address"),
        plain("called itself", "agent"),
        Column("last renewed (UTC)", lambda row, _: minute(row["used_at"])),
        Column("ends (UTC)", lambda row, _: minute(row["expires_at"])),
    )
    show(flags, Listing("/v1/sessions", columns, "You are signed in nowhere.", {}), as_json=as_json)


@sessions.command(cls=Command)
@click.argument("session_id", metavar="ID")
@pass_flags
def end(flags: Flags, session_id: str) -> None:
    """End a session somewhere else, with all its tokens."""
    from penstock.cli.door import ask

    async def work(client: "Client") -> None:
        await client.ask("DELETE", f"/v1/sessions/{session_id}")

    ask(flags, work)
    say("It has ended, and its tokens open nothing any more.")


@click.command(cls=Command)
@click.option(
    "--password-stdin", is_flag=True, help="Read the present and the new one, a line each."
)
@pass_flags
def password(flags: Flags, *, password_stdin: bool) -> None:
    """Change your password. You stay signed in here, and nowhere else."""
    from penstock.cli.door import ask

    flag = "--password-stdin"
    old = ask_secret("Present password", from_stdin=password_stdin, flag=flag)
    new = ask_secret("New password", from_stdin=password_stdin, twice=True, flag=flag)

    async def work(client: "Client") -> None:
        # Without a key of idempotency: nothing of this is worth keeping.
        await client.ask("POST", "/v1/me/password", body={"old": old, "new": new})

    ask(flags, work)
    say("It is changed. Wherever else you were signed in, you are not any more.")
