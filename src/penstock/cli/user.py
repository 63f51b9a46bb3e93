"""`penstock user`: the people of this installation."""

import asyncio

import click

from penstock.cli.flags import Command, Commands, Flags, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.people import disable, enable, invite, list_, role
from penstock.cli.terminal import say


@click.group(cls=Commands)
def user() -> None:
    """Look after people. `add` and `reset-factors` act on the installation in the home folder."""


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


@user.command(name="reset-factors", cls=Command)
@click.argument("name")
@pass_flags
def reset_factors(flags: Flags, name: str) -> None:
    """Remove all second factors of NAME, who lost them. They are signed out everywhere."""
    from penstock.cli.door import quieten
    from penstock.wiring import open_penstock

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)

    async def work() -> int:
        async with open_penstock(settings) as penstock:
            return await penstock.identity.factors.reset(name)

    number = asyncio.run(work())
    say(f"{number} removed. {name} signs in with the password alone now, and can add new ones.")


for one in (list_, invite, disable, enable, role):
    user.add_command(one)
