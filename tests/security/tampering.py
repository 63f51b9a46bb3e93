"""What somebody tries who owns the database, but not the key, against the audit log."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from penstock.db import audit_check
from penstock.db import lane as lanes
from penstock.db.audit import AuditHead, AuditLog, AuditRow, audit, audit_head
from penstock.db.audit_check import Verdict
from penstock.db.connect import open_database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.vault.chain import derived, link
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key

KEY = Key(bytes(range(32)))
NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
SEEN = "it is not what was written"


@contextmanager
def written(url: str, count: int = 5) -> Iterator[tuple[lanes.Database, AuditLog]]:
    """Open a database with so many records in its log."""
    with closing(open_database(url)) as database:
        log = AuditLog(Cipher(KEY))
        for number in range(count):
            event = AuditEvent(AuditKind.EXPORTED, number, "usr_x", {"rows": str(number)})
            database.write_now(log.record, event, now=NOW)
        yield database, log


def verdict(database: lanes.Database, log: AuditLog, head: AuditHead | None = None) -> Verdict:
    """Verify what is stored."""
    return database.snapshot_now(audit_check.verify, log, expected=head)


def without_guards(connection: sa.Connection) -> None:
    """Do what somebody does who owns the database: take the triggers away."""
    if connection.dialect.name == "postgresql":
        for table in ("audit", "audit_head"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        return
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for name in names.scalars().all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _change(connection: sa.Connection) -> None:
    connection.execute(audit.update().where(audit.c.number == 3).values(user_id=99))


def _change_time(connection: sa.Connection) -> None:
    connection.execute(
        audit.update().where(audit.c.number == 3).values(at=NOW.replace(microsecond=0))
    )


def _delete(connection: sa.Connection) -> None:
    connection.execute(audit.delete().where(audit.c.number == 3))


def _swap(connection: sa.Connection) -> None:
    for old, new in ((3, 77), (4, 3), (77, 4)):
        connection.execute(audit.update().where(audit.c.number == old).values(number=new))


def _swap_contents(connection: sa.Connection) -> None:
    """Swap all but the numbers."""
    rows = [dict(one) for one in connection.execute(_numbers(3, 4)).mappings()]
    for row, number in zip(rows, (4, 3), strict=True):
        values = row | {"number": number}
        connection.execute(audit.update().where(audit.c.number == number).values(values))


def _delete_and_close_up(connection: sa.Connection) -> None:
    _delete(connection)
    for number in (4, 5):
        connection.execute(audit.update().where(audit.c.number == number).values(number=number - 1))


def _append(connection: sa.Connection) -> None:
    (row,) = connection.execute(_numbers(5)).mappings()
    connection.execute(audit.insert().values(dict(row) | {"number": 6}))


def _append_with_another_key(connection: sa.Connection) -> None:
    """Continue the chain properly, but under a key that somebody made up."""
    last = AuditRow(*connection.execute(_numbers(5)).one())
    forged = AuditRow(6, *(getattr(last, name) for name in AuditRow.__slots__[1:]))
    mac = link(derived(bytes(32), "audit record"), last.mac, forged.parts())
    values = {name: getattr(forged, name) for name in AuditRow.__slots__} | {"mac": mac}
    connection.execute(audit.insert().values(values))
    connection.execute(audit_head.update().values(number=6, mac=mac))


def _rewrite_with_another_key(connection: sa.Connection) -> None:
    """Change a record and make all MACs from there on anew, under a key that somebody made up."""
    _change(connection)
    before = connection.execute(_numbers(2)).one().mac
    for number in (3, 4, 5):
        row = AuditRow(*connection.execute(_numbers(number)).one())
        before = link(derived(bytes(32), "audit record"), before, row.parts())
        connection.execute(audit.update().where(audit.c.number == number).values(mac=before))


def execute(connection: sa.Connection, statement: sa.Executable) -> None:
    """Run a statement."""
    connection.execute(statement)


def _numbers(*numbers: int) -> sa.Select[Any]:
    return sa.select(audit).where(audit.c.number.in_(numbers)).order_by(audit.c.number)


BROKEN: dict[str, tuple[Callable[[sa.Connection], None], int, str]] = {
    "change one": (_change, 3, SEEN),
    "change its instant by microseconds": (_change_time, 3, SEEN),
    "delete one": (_delete, 3, "it is gone"),
    "delete one and close up": (_delete_and_close_up, 3, SEEN),
    "swap two": (_swap, 3, SEEN),
    "swap what two say": (_swap_contents, 3, SEEN),
    "append a copy": (_append, 6, SEEN),
    "append under another key": (_append_with_another_key, 6, SEEN),
    "write anew under another key": (_rewrite_with_another_key, 3, SEEN),
}


def cut(connection: sa.Connection) -> None:
    """Cut the tail."""
    connection.execute(audit.delete().where(audit.c.number > 3))


def cut_and_say_so(connection: sa.Connection) -> None:
    """Cut the tail, and let the head's row say that the last record that is left is the last."""
    cut(connection)
    mac = connection.execute(_numbers(3)).one().mac
    connection.execute(audit_head.update().values(number=3, mac=mac))


def cut_and_copy_the_seal(connection: sa.Connection) -> None:
    """Put the last record's MAC in the place of the head's."""
    cut_and_say_so(connection)
    connection.execute(audit_head.update().values(seal=audit_head.c.mac))


def cut_all(connection: sa.Connection) -> None:
    """Delete every record."""
    connection.execute(audit.delete())


def lose_the_head(connection: sa.Connection) -> None:
    """Delete the head's row."""
    connection.execute(audit_head.delete())
