"""`penstock worker`: sync what is due, beside any number of other workers, without an API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Flags, pass_flags
from penstock.cli.listening import address_of, answer, listening_socket
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import say
from penstock.domain.asking import Asking, asked_by

if TYPE_CHECKING:
    import socket

    from penstock.settings import Settings
    from penstock.wiring import Penstock


@click.command(cls=Command)
@click.option(
    "--metrics-host",
    metavar="ADDRESS",
    allow_from_autoenv=False,
    help="Where to tell the metrics; 127.0.0.1 unless PENSTOCK_METRICS_HOST says otherwise.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    allow_from_autoenv=False,
    help="The port at which Prometheus finds /metrics of this worker, 0 takes a free one; none "
    "unless PENSTOCK_METRICS_PORT says otherwise.",
)
@pass_flags
def worker(flags: Flags, metrics_host: str | None, metrics_port: int | None) -> None:
    """Sync what is due, together with every other worker on the same PostgreSQL.

    Stop it with Ctrl-C or SIGTERM: running syncs may end within 20 seconds, and none is left half
    stored. Asked a second time, it stops at once.
    """
    from penstock.observe.log import configure

    settings = flags.settings(worker=True, metrics_host=metrics_host, metrics_port=metrics_port)
    if settings.database.startswith("sqlite:"):
        raise Misused(
            "several workers need PostgreSQL, and this installation is a SQLite file",
            remedy="Run `penstock serve`: there it keeps connections fresh itself. For workers "
            "set PENSTOCK_DATABASE_URL=postgresql://USER@HOST/NAME.",
        )
    configure(json=settings.log_json, level=settings.log_level)
    with contextlib.ExitStack() as stack:
        listener = None
        if settings.metrics_port is not None:
            host, port = settings.metrics_host, settings.metrics_port
            flag_names = "--metrics-host and --metrics-port"
            listener = stack.enter_context(listening_socket(host, port, flags=flag_names))
        with asked_by(Asking()):  # by itself, not at anybody's command
            asyncio.run(_work(settings, listener))


async def _work(settings: "Settings", listener: "socket.socket | None") -> None:
    from penstock.wiring import open_penstock
    from penstock.worker.work import at_work

    with asked_to_stop() as asked:
        async with (
            open_penstock(settings) as penstock,
            _counts_told(penstock, listener),
            at_work(penstock),
        ):
            say(f"Penstock works: at most {settings.sync_at_once} syncs at the same time")
            await asked.wait()
            say("Penstock stops as soon as what runs has ended")


@contextlib.asynccontextmanager
async def _counts_told(
    penstock: "Penstock", listener: "socket.socket | None"
) -> AsyncIterator[None]:
    """Tell Prometheus what this worker counts for as long as the context is open."""
    if listener is None:
        yield
        return
    from penstock.api.scraping import metrics_app

    ended = asyncio.Event()
    app = metrics_app(penstock.settings, penstock.metrics)
    telling = asyncio.create_task(answer(app, listener, ended), name="metrics")
    say(f"Its metrics are at {address_of(listener)}/metrics")
    try:
        yield
    finally:
        ended.set()
        await telling
