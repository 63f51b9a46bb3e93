"""`penstock connect`: link an institution, or renew the consent of one that is linked."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import click

from penstock.cli.failure import Failed, Misused
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.passwords import ask_secret
from penstock.cli.terminal import can_ask, print_json, say
from penstock.cli.words import at, full_id, ways
from penstock.domain.clock import utc_now
from penstock.domain.option import variable

if TYPE_CHECKING:
    from penstock.cli.client import Client
    from penstock.cli.loopback import Listener


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `renew` is a connection's public id."""

    connector: str
    renew: str | None
    auto_consent: bool
    scenario: str | None
    browser: bool
    token_from_stdin: bool
    institution: str | None = None
    port: int = 0
    plan: int | None = None


@click.command(cls=Command)
@click.argument("name", required=False)
@click.option("--renew", metavar="ID", help="Renew the consent of this connection, in its place.")
@click.option(
    "--auto-consent",
    is_flag=True,
    help="Consent without a browser; the sandbox bank only.",
)
@click.option("--scenario", metavar="SCENARIO", help="How the sandbox bank shall behave.")
@click.option(
    "--institution",
    metavar="ID",
    help="Which bank, where the connector reaches many (see `penstock institutions`).",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Be reached on this port by the bank's answer: some banks must know the address before.",
)
@click.option(
    "--plan",
    metavar="NUMBER",
    type=click.IntRange(min=0),
    help="Which way to link, where there are several: `penstock connectors` numbers them.",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--token-stdin",
    is_flag=True,
    help="Link with a token made at the provider, read from stdin.",
)
@as_json
@pass_flags
def connect(
    flags: Flags,
    name: str | None,
    renew: str | None,
    scenario: str | None,
    institution: str | None,
    port: int,
    *,
    plan: int | None,
    auto_consent: bool,
    no_browser: bool,
    token_stdin: bool,
    as_json: bool,
) -> None:
    """Link the institution NAME (see `penstock connectors`).

    The browser opens at the bank, and the bank sends it back to this machine. Where the browser
    is on another machine, paste the address that it was sent to.
    """
    from penstock.cli.client import Client
    from penstock.cli.door import ask

    if name is None and renew is None:
        raise click.UsageError("Say which institution: `penstock connectors` lists them.")

    async def work(client: Client) -> dict[str, Any]:
        renewed = await _renewed(client, renew)
        connector = name or str(renewed["connector"] if renewed else "")
        wish = Wish(
            connector=connector,
            renew=renewed["id"] if renewed else None,
            auto_consent=auto_consent,
            scenario=scenario,
            institution=institution,
            browser=not no_browser,
            token_from_stdin=token_stdin,
            port=port,
            plan=plan,
        )
        return await link(client, wish)

    connection = ask(flags, work)
    if as_json:
        print_json(connection)
    else:
        click.echo(connection["id"])
    say(f"{connection.get('name') or connection['connector']} is linked. Next: `penstock sync`.")


async def link(client: "Client", wish: Wish) -> dict[str, Any]:
    """Link, or renew, in the way that the connector offers; return the connection."""
    plan = await _plan(client, wish)
    if plan["kind"] == "token":
        return await _link_by_token(client, wish, plan)
    return await _link_by_consent(client, wish, plan)


async def _renewed(client: "Client", renew: str | None) -> dict[str, Any] | None:
    return await client.get(f"/v1/connections/{full_id('con', renew)}") if renew else None


async def _plan(client: "Client", wish: Wish) -> dict[str, Any]:
    """Return the way to link that fits the wish: the first, or the one that was asked for."""
    known = {one["name"]: one async for one in client.pages("/v1/connectors")}
    connector = known.get(wish.connector)
    if connector is None:
        raise Misused(
            f"there is no connector {wish.connector!r}",
            remedy=f"There are: {', '.join(known)}.",
        )
    if connector["missing_settings"]:
        missing = ", ".join(map(variable, connector["missing_settings"]))
        raise Failed(
            f"{connector['title']} is not set up here yet",
            remedy=f"Set {missing}; you get them at {connector['keys_url']}.",
        )
    fitting = _plans(connector, wish.plan)
    if wish.token_from_stdin:
        fitting = [one for one in fitting if one["kind"] == "token"]
    elif wish.auto_consent or wish.scenario:
        fitting = [one for one in fitting if one["kind"] == "consent"]
        if not fitting:
            raise Misused(
                f"{connector['title']} is linked with a token: there is nothing to consent to",
                remedy="Leave --auto-consent and --scenario out.",
            )
    if not fitting:
        raise Misused(
            f"{connector['title']} takes no pasted token",
            remedy="Leave --token-stdin out: it is linked through the browser.",
        )
    return fitting[0]


def _plans(connector: dict[str, Any], number: int | None) -> list[dict[str, Any]]:
    """Return all the ways to link, the best first, or the one that was asked for."""
    plans: list[dict[str, Any]] = connector["plans"]
    if number is None:
        return plans
    if number >= len(plans):
        raise Misused(
            f"{connector['title']} has no plan {number} here",
            remedy=f"It is linked {ways(plans)}.",
        )
    return plans[number : number + 1]


async def _link_by_token(client: "Client", wish: Wish, plan: dict[str, Any]) -> dict[str, Any]:
    if not wish.token_from_stdin:
        say(f"{plan['where']} {plan['url']}")
    token = ask_secret("Token", from_stdin=wish.token_from_stdin, flag="--token-stdin")
    answer = await client.post(_path(wish), _body(wish, plan, token=token))
    connection: dict[str, Any] = answer.json()
    return connection


async def _link_by_consent(client: "Client", wish: Wish, plan: dict[str, Any]) -> dict[str, Any]:
    from penstock.cli.consent import consent_at_sandbox, open_browser

    async with _listening(wish) as listener:
        chosen = {"institution": wish.institution} if wish.institution else {}
        body = _body(wish, plan, redirect_uri=listener.redirect_uri, parameters=chosen)
        link = (await client.post(_path(wish), body)).json()["link"]
        url = link["authorization_url"]
        listener.expect(link["state"])
        if wish.auto_consent:
            _check_it_is_on_this_machine(url)
            await consent_at_sandbox(url, listener.redirect_uri, scenario=wish.scenario)
        else:
            say(f"Give your consent at the bank:\n\n{url}\n")
            if wish.browser:
                open_browser(url)
            if can_ask():
                stays = not plan.get("returns", True)
                _take_typed(listener, link["state"], elsewhere=not wish.browser, stays=stays)
        callback = await _callback(listener, link)
        answer = await client.post(f"/v1/links/{link['id']}/finish", {"callback": callback})
    connection: dict[str, Any] = answer.json()
    return connection


def _take_typed(listener: "Listener", state: str, *, elsewhere: bool, stays: bool) -> None:
    """Let the person say what nobody else can: where they were sent, or that they are done."""
    from penstock.cli.consent import take_pasted

    if stays:
        say("Once the page says that all is connected: if it stays there, press Enter here.")
    if elsewhere:
        say("If your browser is on another machine, paste the address it was sent to.")
    if stays or elsewhere:
        take_pasted(listener, enter=f"?{urlencode({'state': state})}" if stays else "")


@contextlib.asynccontextmanager
async def _listening(wish: Wish) -> AsyncIterator["Listener"]:
    from penstock.cli.loopback import listening

    async with contextlib.AsyncExitStack() as stack:
        opening = listening(f"/callback/{wish.connector}", wish.port)
        try:
            listener = await stack.enter_async_context(opening)
        except OSError as error:
            raise Failed(
                f"the port {wish.port} cannot be listened on: {error.strerror or error}",
                remedy="Choose another with --port, and tell the bank of it.",
            ) from error
        yield listener


def _check_it_is_on_this_machine(url: str) -> None:
    """Let a program consent at the sandbox bank only: none but that is on this machine."""
    if urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise Misused(
            "only the sandbox bank lets a program consent", remedy="Leave --auto-consent out."
        )


async def _callback(listener: "Listener", link: dict[str, Any]) -> str:
    left = at(link["expires_at"]) - utc_now()
    try:
        return await listener.callback(seconds=max(1.0, left.total_seconds()))
    except TimeoutError:
        raise Failed(
            "nobody came back from the bank", remedy="Begin again: a link is good for 10 minutes."
        ) from None


def _path(wish: Wish) -> str:
    return f"/v1/connections/{wish.renew}/renew" if wish.renew else "/v1/connections"


def _body(wish: Wish, plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"plan": plan["number"], **more}
    return body if wish.renew else {"connector": wish.connector, **body}
