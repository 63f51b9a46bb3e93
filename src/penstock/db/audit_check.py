"""Whether the audit log is whole: every record is read again, and its MAC made anew (X3).

Without the chain's key nobody can change a record, take one out, swap two, add one or cut off the
last ones without being found here. Who puts back an older copy of the whole database is found by a
head that was taken from the log meanwhile, for the older copy does not have that record.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from penstock.db.audit import AuditHead, AuditLog, AuditRow, audit, audit_head, find_key, head_seal
from penstock.domain.errors import InvalidInput, KeyMissing, SealBroken
from penstock.vault.chain import derived, link, same

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that does not fit: at which record, and what that proves."""

    number: int
    proves: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many records fit, the last of them, and the first fault, if there is one."""

    records: int
    head: AuditHead
    fault: Fault | None = None


class _Broken(Exception):
    """The chain is broken at a record."""

    def __init__(self, number: int, proves: str) -> None:
        self.fault = Fault(number, proves)


@dataclass(slots=True)
class _Chain:
    """As far as the chain was read. `marks` are MACs that records must have."""

    key: bytes
    marks: dict[int, str]
    head: AuditHead = field(default_factory=AuditHead)

    def follow(self, row: AuditRow) -> None:
        """Add the next record. Raises _Broken."""
        number = self.head.number + 1
        if row.number != number:
            raise _Broken(number, f"it is gone: the next record is number {row.number}.")
        if not same(link(self.key, self.head.mac, row.parts()), row.mac):
            raise _Broken(
                number,
                "it is not what was written: it was changed, put in another's place, or made up "
                "by somebody who does not have the key.",
            )
        if number in self.marks and not same(self.marks[number], row.mac):
            raise _Broken(
                number,
                "its MAC is not that of the head you gave: the log was written anew from here or "
                "before, or belongs to another copy of the database.",
            )
        self.head = AuditHead(number, row.mac)


def read_head(text: str) -> AuditHead:
    """Read a head as it is in the log, `NUMBER:MAC`. Raises InvalidInput."""
    number, colon, mac = text.strip().partition(":")
    if not colon or not number.isdecimal() or len(mac) != len(head_seal(b"", AuditHead())):
        raise InvalidInput("Write a head as the log does: NUMBER:MAC.")
    return AuditHead(int(number), mac.lower())


def verify(
    connection: sa.Connection, log: AuditLog, *, expected: AuditHead | None = None
) -> Verdict:
    """Read the whole log; with `expected`, a head that was taken from elsewhere, against it too.

    The connection's transaction must see one instant (`Database.snapshot_now`).
    """
    sealed = find_key(connection)
    if sealed is None and connection.execute(sa.select(audit_head.c.id)).first():
        return Verdict(0, AuditHead(), Fault(0, "the chain's key is gone from the database."))
    try:
        key = log.opened(sealed) if sealed else b""
    except (SealBroken, KeyMissing) as error:
        return Verdict(0, AuditHead(), Fault(0, f"the chain's key cannot be opened: {error}"))
    chain = _Chain(
        derived(key, "audit record"), {expected.number: expected.mac} if expected else {}
    )
    try:
        with closing(_rows(connection)) as rows:
            for row in rows:
                chain.follow(row)
        _check_head(connection, key, chain.head)
        _check_reached(chain.head, expected)
    except _Broken as broken:
        return Verdict(chain.head.number, chain.head, broken.fault)
    return Verdict(chain.head.number, chain.head)


def _check_reached(last: AuditHead, expected: AuditHead | None) -> None:
    """Compare the last record with a head from elsewhere. Raises _Broken."""
    if expected and expected.number > last.number:
        raise _Broken(
            last.number + 1,
            f"it and all after it are gone: there was a record {expected.number} once. The end "
            "was cut off, or an older copy of the database was put back.",
        )


def _check_head(connection: sa.Connection, key: bytes, last: AuditHead) -> None:
    """Compare the last record with the head's row. Raises _Broken."""
    found = connection.execute(
        sa.select(audit_head.c.number, audit_head.c.mac, audit_head.c.seal)
    ).one_or_none()
    if found is None:
        if last.number:
            raise _Broken(last.number, "the head's row is gone: what came after cannot be known.")
        return
    head = AuditHead(found.number, found.mac)
    if not same(head_seal(key, head), found.seal):
        raise _Broken(last.number, "the head's row was changed: what came after cannot be known.")
    if head.number > last.number:
        raise _Broken(
            last.number + 1,
            f"it is gone: the log went on to record {head.number}. The end was cut off.",
        )
    if head.number < last.number or not same(head.mac, last.mac):
        raise _Broken(head.number + 1, "it came after the head: an older head's row was put back.")


def _rows(connection: sa.Connection) -> Generator[AuditRow]:
    """Yield the records in their order, a few of them in memory at a time. Raises _Broken."""
    streaming = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
    number = 0
    with closing(streaming.execute(audit.select().order_by(audit.c.number))) as found:
        while True:
            try:
                row = found.fetchone()
            except (ValueError, TypeError):  # what is there is no instant, say
                raise _Broken(number + 1, "it cannot be read: it was changed.") from None
            if row is None:
                return
            number = row.number
            yield AuditRow(*row)
