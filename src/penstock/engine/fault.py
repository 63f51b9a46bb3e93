"""What an error that nobody foresaw means for a run: a bug of ours never looks like a success."""

from typing import Final

import sqlalchemy as sa

from penstock.domain import outcome
from penstock.domain.outcome import Ending
from penstock.observe.log import get_logger

log = get_logger(__name__)

_DATABASE_AWAY: Final = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


def ending_of(error: Exception, *, connector: str) -> Ending:
    """Log the error whole, and return how the run or the stream ends that met it."""
    log.error("sync.failed", connector=connector, exc_info=error)
    if isinstance(error, _DATABASE_AWAY):
        return outcome.transient(f"The database did not do its part ({type(error).__name__}).")
    return outcome.contract_broken(f"Penstock itself failed ({type(error).__name__}).")
