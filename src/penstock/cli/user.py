"""`penstock user`: the people of this installation."""

import asyncio

import click

from penstock.cli.flags import Command, Commands, Flags, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.terminal import say


@click.group(cls=Commands)
def user() -> None:
    """Make people. This acts on the installation in the home folder, not through a server."""


@user.command(cls=Command)
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@pass_flags
def add(flags: Flags, name: str, *, password_stdin: bool) -> None:
    """Make a person who can sign in as NAME. The password is asked for, twice."""
    from penstock.cli.door import quieten
    from penstock.domain.secret import Secret
    from penstock.wiring import open_penstock

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    password = ask_secret(
        "Password", from_stdin=password_stdin, twice=True, flag="--password-stdin"
    )

    async def work() -> None:
        async with open_penstock(settings) as penstock:
            await penstock.identity.add_user(name, Secret(password))

    asyncio.run(work())
    say(f"{name} can sign in now: `penstock login --username {name}`.")
