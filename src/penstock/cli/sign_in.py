"""`penstock login`, `logout`, `whoami`."""

import os
import sys

import click

from penstock.cli.failure import Misused, SignInNeeded
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.terminal import can_ask, print_facts, print_json, say


@click.command(cls=Command)
@click.option("--device", is_flag=True, help="Sign in by a code, typed in a browser anywhere.")
@click.option("--password", is_flag=True, help="Ask for the password here.")
@click.option("--username", metavar="NAME", help="Who signs in with a password.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@click.option("--token-stdin", is_flag=True, help="Store an access token that stdin has.")
@pass_flags
def login(
    flags: Flags,
    username: str | None,
    *,
    device: bool,
    password: bool,
    password_stdin: bool,
    token_stdin: bool,
) -> None:
    """Sign in, and store the session in the home folder for the other commands.

    Where there is a server, your browser opens; over SSH, or without a browser, you are told a
    code to type in one elsewhere. Without a server you are asked for the password here.
    """
    asks = bool(password or password_stdin or username)
    if token_stdin + device + asks > 1:
        raise click.UsageError("Choose one: --device, a password, or --token-stdin.")
    if token_stdin:
        store_token(flags, ask_secret("A token", from_stdin=True, flag="--token-stdin"))
    elif asks or (flags.settings().url is None and not device):
        sign_in(flags, username, password_stdin=password_stdin)
    else:
        sign_in_by_browser(flags, device=device)


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
    from penstock.cli.access import FactorWanted
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    if username is None:
        username = _ask_name()
    password = ask_secret("Password", from_stdin=password_stdin, flag="--password-stdin")

    async def work(client: Client) -> str:
        try:
            await client.access.sign_in(username, password)
        except FactorWanted:
            if not can_ask():
                raise
            what = "Code of your authenticator, or a recovery code"
            code = click.prompt(what, hide_input=True, err=True)
            await client.access.sign_in(username, password, code)
        return client.access.address

    _welcome(flags, username, ask(flags, work))


def sign_in_by_browser(flags: Flags, *, device: bool) -> None:
    """Sign in through a browser, on this machine or any other. Raises Failed."""
    from penstock.cli.client import Client
    from penstock.cli.consent import open_browser
    from penstock.cli.door import ask
    from penstock.cli.signing_in import by_browser, by_device, has_browser

    if flags.settings().url is None:
        raise Misused(
            "there is no server to sign in at", remedy="Leave --device out, or set --url."
        )
    here = not device and has_browser(os.environ, sys.platform)  # noqa: TID251 - whether there is a display

    async def work(client: Client) -> tuple[str, str]:
        if here:
            session = await by_browser(client.access, open_browser)
        else:
            session = await by_device(client.access)
        return session.username, client.access.address

    _welcome(flags, *ask(flags, work))


def _welcome(flags: Flags, username: str, address: str) -> None:
    say(f"{username} is signed in: {address}.")
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
