"""`penstock login`, `logout`, `whoami`."""

import click

from penstock.cli.failure import Misused, SignInNeeded
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.terminal import can_ask, print_facts, print_json, say


@click.command(cls=Command)
@click.option("--username", metavar="NAME", help="Who signs in; asked for if left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@click.option("--token-stdin", is_flag=True, help="Store an access token that stdin has.")
@pass_flags
def login(flags: Flags, username: str | None, *, password_stdin: bool, token_stdin: bool) -> None:
    """Sign in, and store the session in the home folder for the other commands."""
    if token_stdin and (password_stdin or username):
        raise click.UsageError("--token-stdin takes no name and no password.")
    if token_stdin:
        store_token(flags, ask_secret("A token", from_stdin=True, flag="--token-stdin"))
    else:
        sign_in(flags, username, password_stdin=password_stdin)


@click.command(cls=Command)
@pass_flags
def logout(flags: Flags) -> None:
    """End the session, here and at the server."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> bool:
        stored = client.access.with_token(None)
        if stored.find_session() is None:
            return False
        try:
            await Client(client.http, stored).post("/v1/sign-out")
        except SignInNeeded:
            pass  # it was over already
        finally:
            await stored.forget()
        return True

    if ask(flags, work):
        say("Signed out.")
    else:
        say("Nobody was signed in here.")


@click.command(cls=Command)
@as_json
@pass_flags
def whoami(flags: Flags, *, as_json: bool) -> None:
    """Say who is signed in, and what the session allows."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    async def work(client: Client) -> tuple[dict[str, object], str]:
        return await client.get("/v1/me"), client.access.address

    person, address = ask(flags, work)
    if as_json:
        print_json(person)
        return
    facts = [(name.replace("_", " "), _shown(value)) for name, value in person.items()]
    print_facts([*facts, ("at", address)])


def sign_in(flags: Flags, username: str | None, *, password_stdin: bool = False) -> None:
    """Ask for a name and a password, trade them for a session, and store it. Raises Failed."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    if username is None:
        username = _ask_name()
    password = ask_secret("Password", from_stdin=password_stdin, flag="--password-stdin")

    async def work(client: Client) -> str:
        await client.access.sign_in(username, password)
        return client.access.address

    say(f"{username} is signed in: {ask(flags, work)}.")
    if flags.settings().token is not None:
        say("PENSTOCK_TOKEN is set too, and goes before this session.")


def store_token(flags: Flags, token: str) -> None:
    """Store a token that somebody was given elsewhere, if it is good. Raises Failed."""
    from penstock.cli.client import Client
    from penstock.cli.door import ask
    from penstock.cli.session import Session

    async def work(client: Client) -> str:
        bearer = Client(client.http, client.access.with_token(token))
        person = await bearer.get("/v1/me")
        await client.access.store(Session(str(person["username"]), token))
        return str(person["username"])

    say(f"{ask(flags, work)} is signed in.")


def _ask_name() -> str:
    if not can_ask():
        raise Misused("a name is needed", remedy="Give it with --username NAME.")
    name: str = click.prompt("User name", err=True)
    return name


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
