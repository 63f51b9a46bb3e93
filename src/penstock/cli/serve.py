"""`penstock serve`: the API over HTTP, and the worker that keeps connections fresh, in one."""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Flags, pass_flags
from penstock.cli.listening import address_of, answer, listening_socket
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import say
from penstock.domain.asking import Asking, asked_by

if TYPE_CHECKING:
    from penstock.settings import Settings
    from penstock.wiring import Penstock


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
    with listening_socket(settings.host, settings.port) as listener, asked_by(Asking()):
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


async def _serve(settings: "Settings", listener: socket.socket) -> None:
    from penstock.api.app import create_app
    from penstock.wiring import open_penstock
    from penstock.worker.work import at_work

    with asked_to_stop() as asked:
        async with contextlib.AsyncExitStack() as stack:
            penstock = await stack.enter_async_context(open_penstock(settings))
            if settings.worker:
                await stack.enter_async_context(at_work(penstock))
            await penstock.decoys.plant()
            app = create_app(lambda: contextlib.nullcontext(penstock))
            await _announce(penstock, listener)
            await answer(app, listener, asked)


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
    return address_of(listener)
