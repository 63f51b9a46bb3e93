"""Devices that wait for a person's yes (RFC 8628). Both codes are kept as hashes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from penstock.db.ending import DELETED
from penstock.db.metadata import Id, Instant, metadata

device_codes = sa.Table(
    "device_codes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("device_hash", sa.Text, nullable=False, unique=True),
    sa.Column("code_hash", sa.Text, nullable=False, unique=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("key_thumbprint", sa.Text),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("pause", sa.Integer, nullable=False),
    sa.Column("asked_at", Instant),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE")),
    sa.Column("methods", sa.Text),
    sa.Column("proved_at", Instant),
    sa.Column("allowed", sa.Boolean),
    sa.Column("used_at", Instant),
    sa.Index("ix_device_codes_expiry", "expires_at"),
    info=DELETED,
)

_c = device_codes.c


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as stored. `address` and `agent` say where it asks from.

    `pause` is how many seconds it must let pass between its questions, `asked_at` the last of them.
    `user_id`, `methods`, `proved_at` (both of the person's session) and `allowed` are there once a
    person decided, `used_at` once it was told.
    """

    id: int
    device_hash: str
    code_hash: str
    client_id: str
    scope: str
    key_thumbprint: str | None
    address: str
    agent: str
    created_at: datetime
    expires_at: datetime
    pause: int
    asked_at: datetime | None
    user_id: int | None
    methods: str | None
    proved_at: datetime | None
    allowed: bool | None
    used_at: datetime | None


def create(connection: sa.Connection, values: dict[str, object]) -> int:
    """Store a new device; return its number."""
    statement = device_codes.insert().values(values).returning(_c.id)
    return int(connection.execute(statement).scalar_one())


def hold(connection: sa.Connection, device_hash: str) -> DeviceRow | None:
    """Return the device with this code, and let nobody else act on it before the commit."""
    query = device_codes.select().where(_c.device_hash == device_hash).with_for_update()
    row = connection.execute(query).one_or_none()
    return DeviceRow(*row) if row else None


def find_waiting(connection: sa.Connection, code_hash: str, *, now: datetime) -> DeviceRow | None:
    """Return the device with this user code that nobody has decided about, in time."""
    query = device_codes.select().where(
        _c.code_hash == code_hash, _c.expires_at > now, _c.allowed.is_(None)
    )
    row = connection.execute(query).one_or_none()
    return DeviceRow(*row) if row else None


def decide(connection: sa.Connection, row: DeviceRow) -> bool:
    """Store what a person decided, as `row` has it. Of any number at once, one is told True."""
    done = connection.execute(
        device_codes.update()
        .where(_c.id == row.id, _c.allowed.is_(None))
        .values(
            user_id=row.user_id,
            methods=row.methods,
            proved_at=row.proved_at,
            allowed=row.allowed,
        )
    )
    return done.rowcount == 1


def delete_of(connection: sa.Connection, *, user_id: int, client_id: str) -> None:
    """Delete the devices of a program about which a person decided."""
    connection.execute(
        device_codes.delete().where(_c.user_id == user_id, _c.client_id == client_id)
    )


def note_question(connection: sa.Connection, device_id: int, *, now: datetime, pause: int) -> None:
    """Note that a device asked just now, and how long it must wait before it asks again."""
    connection.execute(
        device_codes.update().where(_c.id == device_id).values(asked_at=now, pause=pause)
    )


def use(connection: sa.Connection, device_id: int, *, now: datetime) -> bool:
    """Use a device's code up. Of any number at the same time, one is told True."""
    used = connection.execute(
        device_codes.update().where(_c.id == device_id, _c.used_at.is_(None)).values(used_at=now)
    )
    return used.rowcount == 1


def count_waiting(connection: sa.Connection, *, now: datetime, address: str | None = None) -> int:
    """Say how many devices wait, all of them or those that ask from one address."""
    query = sa.select(sa.func.count()).where(_c.expires_at > now, _c.used_at.is_(None))
    if address is not None:
        query = query.where(_c.address == address)
    return int(connection.execute(query).scalar_one())


def delete_old(connection: sa.Connection, *, now: datetime, kept_for: timedelta) -> None:
    """Forget devices whose time was over for a while."""
    connection.execute(device_codes.delete().where(_c.expires_at <= now - kept_for))
