"""`penstock serve`: the API over HTTP, and the worker that keeps connections fresh, in one."""

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from penstock.cli.failure import Failed, Misused
from penstock.cli.flags import Command, Flags, pass_flags
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import say

if TYPE_CHECKING:
    from fastapi import FastAPI

    from penstock.settings import Settings
    from penstock.wiring import Penstock

_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 10
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - it is compared with, not bound to


@click.command(cls=Command)
@click.option(
    "--host",
    metavar="ADDRESS",
    allow_from_autoenv=False,
    help="Where to listen; 127.0.0.1 unless PENSTOCK_HOST says otherwise.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    allow_from_autoenv=False,
    help="The port; 8321 unless PENSTOCK_PORT says otherwise, 0 takes a free one.",
)
@click.option(
    "--worker/--no-worker",
    "worker",
    default=None,
    allow_from_autoenv=False,
    help="Whether connections are kept fresh here too; yes, unless PENSTOCK_WORKER says otherwise. "
    "With PostgreSQL, `penstock worker` elsewhere then does all the syncing.",
)
@pass_flags
def serve(flags: Flags, host: str | None, port: int | None, *, worker: bool | None) -> None:
    """Run the API over HTTP, and keep connections fresh meanwhile.

    Stop it with Ctrl-C or SIGTERM: running syncs may end, and none is left half stored.
    """
    from penstock.observe.log import configure

    settings = flags.settings(host=host, port=port, worker=worker)
    check_exposure(settings)
    configure(json=settings.log_json, level=settings.log_level)
    with listening_socket(settings.host, settings.port) as listener:
        asyncio.run(_serve(settings, listener))


def check_exposure(settings: "Settings") -> None:
    """Refuse to carry passwords in the clear to other machines in production. Raises Failed."""
    from penstock.cli.door import is_loopback
    from penstock.settings import Profile

    behind_proxy = settings.public_url is not None and bool(settings.trusted_proxies)
    if (
        settings.profile is Profile.PRODUCTION
        and not is_loopback(settings.host)
        and not behind_proxy
    ):
        raise Misused(
            f"in production nothing listens on {settings.host or 'every address'} in plain HTTP",
            remedy="Listen on 127.0.0.1 behind a proxy that speaks HTTPS; where the proxy is on "
            "another machine, set PENSTOCK_PUBLIC_URL (https) and PENSTOCK_TRUSTED_PROXIES.",
        )


@contextlib.contextmanager
def listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Open the socket to listen on, before all else. Raises Failed where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms late for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two servers take the same port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _not_to_be_had(host, port, error) from error
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()


def _not_to_be_had(host: str, port: int, error: OSError) -> Failed:
    if error.errno == errno.EADDRINUSE:
        return Failed(
            f"something listens on port {port} of {host} already",
            remedy="Is `penstock serve` running there? If not, choose another with --port.",
        )
    why = error.strerror or str(error)
    remedy = "Choose others with --host and --port."
    return Failed(f"port {port} of {host} cannot be listened on: {why}", remedy=remedy)


async def _serve(settings: "Settings", listener: socket.socket) -> None:
    from penstock.api.app import create_app
    from penstock.wiring import open_penstock
    from penstock.worker.work import at_work

    with asked_to_stop() as asked:
        async with contextlib.AsyncExitStack() as stack:
            penstock = await stack.enter_async_context(open_penstock(settings))
            if settings.worker:
                await stack.enter_async_context(at_work(penstock))
            app = create_app(lambda: contextlib.nullcontext(penstock))
            await _announce(penstock, listener)
            await _answer(app, listener, asked)


async def _announce(penstock: "Penstock", listener: socket.socket) -> None:
    url = _url(penstock.settings, listener)
    say(f"Penstock listens on {url}")
    say(f"The API explains itself at {url}/docs")
    link = await penstock.identity.offer_setup()
    if link is not None:
        say("There is nobody here yet. Make the first person, within an hour, at")
        say(f"  {url}/setup?link={link.token.reveal()}")


def _url(settings: "Settings", listener: socket.socket) -> str:
    if settings.public_url is not None:
        return str(settings.public_url).rstrip("/")
    port = listener.getsockname()[1]
    host = "127.0.0.1" if settings.host in _ANYWHERE else settings.host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _answer(app: "FastAPI", listener: socket.socket, asked: asyncio.Event) -> None:
    """Answer requests until asked to stop; those under way may end."""
    import uvicorn

    class Server(uvicorn.Server):
        """A server that leaves the signals to us."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        log_level="warning",  # we say ourselves that we listen
        access_log=False,  # the API writes its own lines, without queries
        proxy_headers=False,  # the API reads them itself, from proxies that it trusts
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
