"""Telling the operator, beside the syncs: a slow mail server holds none of them up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from penstock.engine.notices import Listener, Notifier
from penstock.observe.log import get_logger
from penstock.outbound.notify import fault_of
from penstock.worker.schedule import Sleep, ticking

log = get_logger(__name__)


@contextlib.asynccontextmanager
async def telling(notifier: Notifier, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Tell whoever is to be told for as long as the context is open.

    An address that Apprise cannot read is an error in the log from the start, and no more than
    that: a slip in PENSTOCK_NOTIFY stops no sync.
    """
    if not notifier.listeners:
        yield
        return
    passes = asyncio.create_task(_tell(notifier, sleep), name="notices")
    try:
        yield
    finally:
        passes.cancel()
        await asyncio.wait([passes])


async def _tell(notifier: Notifier, sleep: Sleep) -> None:
    await asyncio.to_thread(_look_at, notifier.listeners)
    await ticking(notifier.pass_once, sleep)


def _look_at(listeners: Sequence[Listener]) -> None:
    """Say at once which addresses nobody will ever be told at."""
    for listener in listeners:
        fault = fault_of(listener.address)
        if fault is not None:
            log.error(
                "notices.address_unusable",
                target=listener.target,
                reason=fault.message,
                todo=fault.remedy.text if fault.remedy else "",
            )
