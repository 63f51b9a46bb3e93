"""The audit log: append-only, and chained under a key that the database holds sealed only (X3).

`AuditLog.record` is the last statement of the transaction that does the deed: both are there, or
neither. It holds the head's row until the commit, so records are numbered without a gap, whoever
writes. Triggers refuse to change or delete a record; the chain shows it where somebody did so
without them (audit_check.py).

The chain's key is random, made with the first record, and sealed like the keys that sign tokens: a
new master key seals it anew, and the chain goes on.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.lane import after_commit
from penstock.db.metadata import Id, Instant, instant_text, metadata
from penstock.domain.asking import who_asks
from penstock.domain.audit import AuditEvent
from penstock.domain.secret import Secret
from penstock.observe.log import current_request_id, get_logger
from penstock.vault.chain import BEGINNING, Part, derived, link
from penstock.vault.cipher import Cipher, Place

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", Id, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", Id),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("actor_id", Id),
    sa.Column("session_id", Id),
    sa.Column("address", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("mac", sa.Text, nullable=False),
    sa.Index("ix_audit_user", "user_id", "number"),
    sa.Index("ix_audit_actor", "actor_id", "number"),
)
"""No foreign keys: a record outlives what it tells of."""

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("number", Id, nullable=False),
    sa.Column("mac", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
)
"""One row: the last record's number and MAC, and a MAC over both that the record does not have."""

audit_key = sa.Table(
    "audit_key",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.Text, nullable=False),
)

KEY_PLACE: Final = Place("installation", "audit_key", "key")
"""Where the chain's key is sealed: whoever seals everything anew seals it there."""
ONE: Final = 1
_KEY_BYTES: Final = 32
_LONGEST: Final = 200
_log = get_logger("penstock.audit")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A record as stored."""

    number: int
    at: datetime
    kind: str
    user_id: int | None
    subject: str
    via: str
    actor_id: int | None
    session_id: int | None
    address: str | None
    request_id: str | None
    facts: str
    mac: str

    def parts(self) -> tuple[Part, ...]:
        """Return all that the record's MAC covers, beside the MAC before it."""
        return (
            self.number,
            instant_text(self.at),
            self.kind,
            self.user_id,
            self.subject,
            self.via,
            self.actor_id,
            self.session_id,
            self.address,
            self.request_id,
            self.facts,
        )


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Which record is the last. `str` is how it is written in the log: `NUMBER:MAC`."""

    number: int = 0
    mac: str = BEGINNING

    def __str__(self) -> str:
        return f"{self.number}:{self.mac}"


class AuditLog:
    """Writes records. One of them serves all threads of a process."""

    def __init__(
        self, cipher: Cipher, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = cipher
        self._entropy = entropy
        self._key: bytes | None = None

    def record(self, connection: sa.Connection, event: AuditEvent, *, now: datetime) -> None:
        """Write down what the open transaction did, as its last statement.

        It holds the head's row: who did anything after it in the same transaction would make all
        others wait. Raises SealBroken and KeyMissing where the chain's key cannot be opened.
        """
        key = self.key(connection)
        before = lock_head(connection)
        asking = who_asks()
        row = AuditRow(
            number=before.number + 1,
            at=now,
            kind=event.kind.value,
            user_id=event.user_id,
            subject=event.subject,
            via=asking.via.value,
            actor_id=asking.user_id,
            session_id=asking.session_id,
            address=asking.address,
            request_id=current_request_id(),
            facts=_written(event.facts),
            mac="",
        )
        head = AuditHead(row.number, link(derived(key, "audit record"), before.mac, row.parts()))
        values = {name: getattr(row, name) for name in AuditRow.__slots__} | {"mac": head.mac}
        connection.execute(audit.insert().values(values))
        _save_head(connection, head, key)
        after_commit(connection, lambda: _tell(head, row))

    def key(self, connection: sa.Connection) -> bytes:
        """Return the chain's key; the first time it is made. Raises SealBroken, KeyMissing.

        One that is read before it was committed may never be: it is kept only after that.
        """
        if self._key is None:
            sealed = find_key(connection)
            if sealed is None:
                return self._make_key(connection)
            key = self.opened(sealed)
            after_commit(connection, lambda: self._remember(key))
            return key
        return self._key

    def _remember(self, key: bytes) -> None:
        self._key = key

    def opened(self, sealed: str) -> bytes:
        """Return the chain's key as it was sealed. Raises SealBroken, KeyMissing."""
        return base64.b64decode(self._cipher.open(sealed, KEY_PLACE).reveal())

    def _make_key(self, connection: sa.Connection) -> bytes:
        """Make the key, unless somebody else just did; it is kept only once it was committed."""
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE audit_key IN SHARE ROW EXCLUSIVE MODE")
        sealed = find_key(connection)
        if sealed is None:
            drawn = Secret(base64.b64encode(self._entropy(_KEY_BYTES)).decode())
            sealed = self._cipher.seal(drawn, KEY_PLACE)
            connection.execute(audit_key.insert().values(id=ONE, sealed=sealed))
        return self.opened(sealed)


def find_key(connection: sa.Connection) -> str | None:
    """Return the chain's key, sealed; None where nothing was ever recorded."""
    return connection.execute(sa.select(audit_key.c.sealed)).scalar_one_or_none()


def head_seal(key: bytes, head: AuditHead) -> str:
    """Return the MAC over a head: without the key nobody can make an older record the last."""
    return link(derived(key, "audit head"), BEGINNING, (head.number, head.mac))


def lock_head(connection: sa.Connection) -> AuditHead:
    """Return which record is the last, and let nobody else add one until the commit."""
    query = sa.select(audit_head.c.number, audit_head.c.mac).with_for_update()
    found = connection.execute(query).one_or_none()
    if found is None and connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE audit_head IN SHARE ROW EXCLUSIVE MODE")
        found = connection.execute(query).one_or_none()
    return AuditHead(*found) if found else AuditHead()


def _save_head(connection: sa.Connection, head: AuditHead, key: bytes) -> None:
    values = {"number": head.number, "mac": head.mac, "seal": head_seal(key, head)}
    if head.number == 1:
        connection.execute(audit_head.insert().values(id=ONE, **values))
    else:
        connection.execute(audit_head.update().values(values))


def page(
    connection: sa.Connection,
    *,
    owner_id: int | None,
    kind: str | None = None,
    since: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditRow]:
    """Return records, the newest first; those that `owner_id` did or that concern them, or all."""
    c = audit.c
    query = audit.select().order_by(c.number.desc()).limit(limit)
    if owner_id is not None:
        query = query.where(sa.or_(c.user_id == owner_id, c.actor_id == owner_id))
    if kind is not None:
        query = query.where(c.kind == kind)
    if since is not None:
        query = query.where(c.at >= since)
    if before is not None:
        query = query.where(c.number < before)
    return [AuditRow(*row) for row in connection.execute(query)]


def _written(facts: Mapping[str, str]) -> str:
    """Write facts the one way in which these facts are written."""
    short = {name: value[:_LONGEST] for name, value in facts.items()}
    return json.dumps(short, sort_keys=True, separators=(",", ":"))


def _tell(head: AuditHead, row: AuditRow) -> None:
    """Put the head where whoever owns the database cannot reach it: `verify --head` takes it."""
    _log.info("audit_recorded", kind=row.kind, user=row.user_id, head=str(head))
