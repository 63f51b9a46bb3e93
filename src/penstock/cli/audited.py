"""What is done to an installation without opening it whole, in its audit log all the same."""

from penstock.cli.terminal import say
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.migrations import revisions
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import utc_now
from penstock.domain.errors import VaultError
from penstock.settings import Settings
from penstock.store import open_vault


def note_backup(settings: Settings, database: Database, *, with_key: bool) -> None:
    """Write down that a backup is made, before it is: so it is in the backup itself.

    That takes the key: who has the database only can copy it in any case, and leaves no trace.
    """
    event = AuditEvent(AuditKind.BACKED_UP, facts={"with_key": "yes" if with_key else "no"})
    _note(settings, database, event, "this backup")


def note_restored(settings: Settings, database: Database) -> None:
    """Write down that a backup was restored, once it is there: its key opens the log then."""
    _note(settings, database, AuditEvent(AuditKind.RESTORED), "this restore")


def _note(settings: Settings, database: Database, event: AuditEvent, what: str) -> None:
    if not database.read_now(revisions).newest:
        return
    try:
        log = AuditLog(open_vault(settings, database).cipher)
        database.write_now(log.record, event, now=utc_now())
    except VaultError:
        say(f"The audit log will not tell of {what}: the key is not here.")
