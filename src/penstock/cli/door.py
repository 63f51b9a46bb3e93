"""The way to the API: over HTTP to PENSTOCK_URL, or, where none is set, in this very process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

from pydantic import AnyHttpUrl

from penstock.cli.access import Access
from penstock.cli.client import Client, http_client
from penstock.cli.failure import Misused
from penstock.cli.flags import Flags
from penstock.cli.in_process import BASE_URL, AppTransport
from penstock.cli.session import IN_PROCESS, Sessions
from penstock.cli.terminal import say
from penstock.domain.clock import utc_now
from penstock.settings import Profile, Settings

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


def ask(flags: Flags, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run `work` with a client of the API, and return what it returns."""
    settings = flags.settings()
    if settings.url is None:
        quieten(settings, verbose=flags.verbose)

    async def run() -> T:
        async with open_client(settings) as client:
            try:
                return await work(client)
            except asyncio.CancelledError:
                if settings.url is None:
                    say("Stopping as soon as what runs can end well; Ctrl-C again ends it at once.")
                raise

    return asyncio.run(run())


def quieten(settings: Settings, *, verbose: bool) -> None:
    """Log what a person at a terminal wants to read: errors, unless they asked for more."""
    from penstock.observe.log import configure

    chosen = verbose or "log_level" in settings.model_fields_set
    configure(json=False, level=settings.log_level if chosen else "ERROR")


@contextlib.asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[Client]:
    """Open the way to the API that the settings name."""
    if settings.url is None:
        async with _app(settings) as transport:
            client = _client(settings, IN_PROCESS, BASE_URL, transport)
            async with client.http:
                yield client
    else:
        address = address_of(settings.url, settings.profile)
        client = _client(settings, address, address, None)
        async with client.http:
            yield client


def address_of(url: AnyHttpUrl, profile: Profile) -> str:
    """Return the address that tokens are kept for. Raises Failed where it is no safe one."""
    if url.scheme == "http" and profile is Profile.PRODUCTION and not is_loopback(url.host or ""):
        raise Misused(
            f"{url} would carry your token in the clear",
            remedy="Use https, or a profile other than production.",
        )
    if url.username or url.password or url.query or url.fragment:
        raise Misused(
            "PENSTOCK_URL has more in it than an address",
            remedy="Write it as https://HOST or https://HOST/PATH.",
        )
    return str(url).rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@contextlib.asynccontextmanager
async def _app(settings: Settings) -> AsyncIterator["httpx2.AsyncBaseTransport"]:
    from penstock.api.app import create_app
    from penstock.wiring import open_penstock

    app = create_app(lambda: open_penstock(settings))
    async with app.router.lifespan_context(app):
        yield AppTransport(app)


def _client(
    settings: Settings, address: str, base_url: str, transport: "httpx2.AsyncBaseTransport | None"
) -> Client:
    http = http_client(base_url, transport)
    given = settings.token.get_secret_value() if settings.token else None
    sessions = Sessions(settings.home)
    return Client(http, Access(address, sessions, http=http, clock=utc_now, given=given))


def has_token(settings: Settings) -> bool:
    """Tell whether a token was given, or a session is stored, for where these settings lead."""
    address = IN_PROCESS if settings.url is None else address_of(settings.url, settings.profile)
    return settings.token is not None or Sessions(settings.home).find(address) is not None
