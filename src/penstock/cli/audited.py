"""What is done to an installation without opening it whole, in its audit log all the same."""

from collections.abc import Callable

import sqlalchemy as sa

from penstock.cli.terminal import say
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.migrations import revisions
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import utc_now
from penstock.domain.errors import VaultError
from penstock.engine.unlock import unlock_on
from penstock.observe.log import get_logger
from penstock.settings import Settings
from penstock.store import key_place

_log = get_logger("penstock.audit")


def note_backup(settings: Settings, database: Database, *, with_key: bool) -> None:
    """Write down that a backup is made, before it is: so it is in the backup itself.

    That takes the key: who has the database only can copy it in any case, and leaves no trace.
    """
    if not database.read_now(revisions).newest:
        return
    event = AuditEvent(AuditKind.BACKED_UP, facts={"with_key": "yes" if with_key else "no"})
    try:
        database.write_now(_record, settings, event)
    except VaultError:
        say("The audit log will not tell of this backup: the key is not here.")


def restoring_noted(settings: Settings) -> Callable[[sa.Connection], None]:
    """Return what writes down that a backup was restored, where its key is here already."""

    def note(connection: sa.Connection) -> None:
        try:
            _record(connection, settings, AuditEvent(AuditKind.RESTORED))
        except VaultError as error:
            _log.warning("restore_not_recorded", reason=error.message)

    return note


def _record(connection: sa.Connection, settings: Settings, event: AuditEvent) -> None:
    log = AuditLog(unlock_on(connection, key_place(settings)).cipher)
    log.record(connection, event, now=utc_now())
