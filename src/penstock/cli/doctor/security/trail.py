"""The audit log's end, and the decoys: X3, K4."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, ok
from penstock.db import decoys
from penstock.db.audit import AuditHead, AuditLog, AuditRow, audit, audit_head, find_key, head_seal
from penstock.domain.audit import AuditKind
from penstock.domain.errors import PenstockError
from penstock.vault.chain import derived, link, same

_LAST: Final = 1000
_LATELY: Final = timedelta(days=30)
_REMEDY: Final = "Run `penstock audit verify`: it reads all of it, and says where it broke."


def chain(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """X3: the last records are as they were written, and the head is the last of them."""
    if isinstance(around.cipher, PenstockError):
        yield failed("the audit log cannot be checked: there is no key", "See K5.")
        return
    sealed = find_key(connection)
    head = _head(connection)
    last = _last(connection)
    if sealed is None and head is None and not last:
        yield ok("nothing was recorded yet")
        return
    try:
        key = AuditLog(around.cipher).opened(sealed or "")
    except PenstockError as error:
        yield failed(f"the key of the audit log does not open: {error.message}", _REMEDY)
        return
    yield _of_head(head, last, key)
    yield _of_links(last, key)


def planted(connection: sa.Connection, _around: Around) -> Iterator[Finding]:
    """K4: who tries what is in a stolen dump meets a decoy, and raises an alarm."""
    if decoys.any_planted(connection):
        yield ok("decoys lie among the tokens: whoever tries one is told of")
    else:
        remedy = "Start `penstock serve` once: it plants them."
        yield attention("no decoy would tell of a stolen dump", remedy)


def touched(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K4: nobody has tried a decoy lately: who did had the database."""
    c = audit.c
    query = sa.select(sa.func.count(), sa.func.max(c.at)).where(
        c.kind == AuditKind.DECOY_TOUCHED, c.at > around.now - _LATELY
    )
    number, last = connection.execute(query).one()
    if number:
        remedy = "Somebody has a copy of the database: docs/how-to/trouble.md says what to do."
        found = f"a decoy was tried {counted(number, 'time')}, last on {last:%Y-%m-%d}"
        yield failed(found, remedy)


def _last(connection: sa.Connection) -> list[AuditRow]:
    """Return the last records and the one before them, the oldest first."""
    query = audit.select().order_by(audit.c.number.desc()).limit(_LAST + 1)
    return [AuditRow(*row) for row in connection.execute(query)][::-1]


def _head(connection: sa.Connection) -> tuple[AuditHead, str] | None:
    c = audit_head.c
    row = connection.execute(sa.select(c.number, c.mac, c.seal)).one_or_none()
    return (AuditHead(row.number, row.mac), row.seal) if row else None


def _of_head(head: tuple[AuditHead, str] | None, last: list[AuditRow], key: bytes) -> Finding:
    if head is None:
        return failed("the head of the audit log is gone", _REMEDY)
    last_known, seal = head
    if not same(head_seal(key, last_known), seal):
        return failed("the head of the audit log was changed", _REMEDY)
    number = last_known.number
    if not last or AuditHead(last[-1].number, last[-1].mac) != last_known:
        return failed(f"the audit log does not end with record {number}, as it should", _REMEDY)
    return ok(f"the audit log ends with record {number}, as its head says")


def _of_links(last: list[AuditRow], key: bytes) -> Finding:
    """X3: each record follows from the one before it; the first there is follows from nothing."""
    record = derived(key, "audit record")
    first = AuditHead() if last and last[0].number == 1 else None
    before = first or AuditHead(last[0].number, last[0].mac) if last else AuditHead()
    rows = last if first else last[1:]
    for row in rows:
        made = link(record, before.mac, row.parts())
        if row.number != before.number + 1 or not same(made, row.mac):
            return failed(f"record {before.number + 1} is not what was written", _REMEDY)
        before = AuditHead(row.number, row.mac)
    return ok(f"{counted(len(rows), 'record')} at its end follow from one another")
