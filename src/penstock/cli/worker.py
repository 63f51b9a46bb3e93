"""`penstock worker`: sync what is due, beside any number of other workers, without an API."""

import asyncio
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Misused
from penstock.cli.flags import Command, Flags, pass_flags
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import say

if TYPE_CHECKING:
    from penstock.settings import Settings


@click.command(cls=Command)
@pass_flags
def worker(flags: Flags) -> None:
    """Sync what is due, together with every other worker on the same PostgreSQL.

    Stop it with Ctrl-C or SIGTERM: running syncs may end within 20 seconds, and none is left half
    stored. Asked a second time, it stops at once.
    """
    from penstock.observe.log import configure

    settings = flags.settings(worker=True)
    if settings.database.startswith("sqlite:"):
        raise Misused(
            "several workers need PostgreSQL, and this installation is a SQLite file",
            remedy="Run `penstock serve`: there it keeps connections fresh itself. For workers "
            "set PENSTOCK_DATABASE_URL=postgresql://USER@HOST/NAME.",
        )
    configure(json=settings.log_json, level=settings.log_level)
    asyncio.run(_work(settings))


async def _work(settings: "Settings") -> None:
    from penstock.wiring import open_penstock
    from penstock.worker.work import at_work

    with asked_to_stop() as asked:
        async with open_penstock(settings) as penstock, at_work(penstock):
            say(f"Penstock works: at most {settings.sync_at_once} syncs at the same time")
            await asked.wait()
            say("Penstock stops as soon as what runs has ended")
