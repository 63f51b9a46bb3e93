"""Data keys: what seals a person's secrets, wrapped by the master key (security.md K1, K2).

A data key has an owner, or is the installation's own. One for each is the present one; those that
it took over from are `retired_at` some time, and go when nothing is sealed under them any more. The
one with the purpose `root` seals nothing: peppers and keyed hashes are derived from it.

A data key may be wrapped by several master keys at once: while they are being changed, it is. With
the person goes the data key, and with it whatever was ever sealed under it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Id, Instant, metadata

ROOT: Final = "root"
SEAL: Final = "seal"
_OWNED: Final = "owner_id IS NOT NULL AND retired_at IS NULL"
_OURS: Final = "owner_id IS NULL AND retired_at IS NULL"

data_keys = sa.Table(
    "data_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE")),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    sa.Index(
        "ix_data_keys_owner",
        "owner_id",
        unique=True,
        sqlite_where=sa.text(_OWNED),
        postgresql_where=sa.text(_OWNED),
    ),
    sa.Index(
        "ix_data_keys_ours",
        "purpose",
        unique=True,
        sqlite_where=sa.text(_OURS),
        postgresql_where=sa.text(_OURS),
    ),
)

wrapped_keys = sa.Table(
    "wrapped_keys",
    metadata,
    sa.Column(
        "data_key_id",
        sa.Text,
        sa.ForeignKey("data_keys.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("master_id", sa.Text, primary_key=True),
    sa.Column("wrapped", sa.Text, nullable=False),
)

_k, _w = data_keys.c, wrapped_keys.c


@dataclass(frozen=True, slots=True)
class DataKeyRow:
    """A data key as it is stored: `wraps` has its wrapped text by the id of the master key."""

    id: str
    owner_id: int | None
    purpose: str
    created_at: datetime
    retired_at: datetime | None
    wraps: Mapping[str, str]


def root(connection: sa.Connection) -> DataKeyRow | None:
    """Return what peppers and keyed hashes are derived from; None where nothing ever was."""
    found = _found(connection, _k.owner_id.is_(None), _k.purpose == ROOT)
    return found[0] if found else None


def present(connection: sa.Connection, owner_id: int | None) -> DataKeyRow | None:
    """Return the data key that seals for an owner (None: the installation), if there is one."""
    whose = _k.owner_id.is_(None) if owner_id is None else _k.owner_id == owner_id
    found = _found(connection, whose, _k.purpose == SEAL, _k.retired_at.is_(None))
    return found[0] if found else None


def find(connection: sa.Connection, key_id: str) -> DataKeyRow | None:
    """Return a data key by its id, the present one or an older one."""
    found = _found(connection, _k.id == key_id)
    return found[0] if found else None


def create(connection: sa.Connection, row: DataKeyRow) -> bool:
    """Store a new data key; False where its owner has one already, which then is theirs."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    statement = insert(data_keys).values(
        id=row.id, owner_id=row.owner_id, purpose=row.purpose, created_at=row.created_at
    )
    made = connection.execute(statement.on_conflict_do_nothing().returning(_k.id)).first()
    if made is not None:
        for master_id, wrapped in row.wraps.items():
            add_wrap(connection, row.id, master_id, wrapped)
    return made is not None


def retire(connection: sa.Connection, key_id: str, *, at: datetime) -> bool:
    """Let a data key seal no more; False where it does not since before."""
    retired = data_keys.update().where(_k.id == key_id, _k.retired_at.is_(None))
    return connection.execute(retired.values(retired_at=at)).rowcount == 1


def page(connection: sa.Connection, *, after: str = "", limit: int) -> list[DataKeyRow]:
    """Return data keys in the order of their ids, those after `after`."""
    ids = sa.select(_k.id).where(_k.id > after).order_by(_k.id).limit(limit)
    return _found(connection, _k.id.in_(ids.scalar_subquery()))


def count(connection: sa.Connection) -> int:
    """Count all data keys."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(data_keys)).scalar_one())


def retired(connection: sa.Connection) -> list[DataKeyRow]:
    """Return the data keys that seal no more."""
    return _found(connection, _k.retired_at.is_not(None))


def delete(connection: sa.Connection, key_id: str) -> None:
    """Delete a data key for good: nothing can ever open what is sealed under it."""
    connection.execute(data_keys.delete().where(_k.id == key_id))


def existing(connection: sa.Connection, key_ids: Sequence[str]) -> set[str]:
    """Return those of these data keys that are there, and keep them so until we commit."""
    query = sa.select(_k.id).where(_k.id.in_(key_ids)).with_for_update(read=True)
    return set(connection.execute(query).scalars())


def add_wrap(connection: sa.Connection, key_id: str, master_id: str, wrapped: str) -> None:
    """Keep a data key's wrapped text under a master key, in place of an older one."""
    connection.execute(
        wrapped_keys.delete().where(_w.data_key_id == key_id, _w.master_id == master_id)
    )
    connection.execute(
        wrapped_keys.insert().values(data_key_id=key_id, master_id=master_id, wrapped=wrapped)
    )


def not_wrapped_by(connection: sa.Connection, master_id: str, *, limit: int) -> list[DataKeyRow]:
    """Return data keys that this master key does not open yet."""
    ids = sa.select(_k.id).where(~_opened_by(master_id)).order_by(_k.id).limit(limit)
    return _found(connection, _k.id.in_(ids.scalar_subquery()))


def unwrap_from(connection: sa.Connection, master_id: str, *, keeper: str, limit: int) -> int:
    """Delete wrapped texts of a master key, only of data keys that `keeper` opens; say how many."""
    other = wrapped_keys.alias()
    kept = sa.exists().where(other.c.data_key_id == _w.data_key_id, other.c.master_id == keeper)
    some = sa.select(_w.data_key_id).where(_w.master_id == master_id, kept).limit(limit)
    ids = list(connection.execute(some).scalars())
    gone = wrapped_keys.delete().where(_w.master_id == master_id, _w.data_key_id.in_(ids))
    return connection.execute(gone).rowcount if ids else 0


def wraps_by_master(connection: sa.Connection) -> dict[str, int]:
    """Count the wrapped data keys of every master key."""
    query = sa.select(_w.master_id, sa.func.count()).group_by(_w.master_id)
    return {str(master): int(count) for master, count in connection.execute(query)}


def _opened_by(master_id: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(_w.data_key_id == _k.id, _w.master_id == master_id)


def _found(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[DataKeyRow]:
    query = (
        sa.select(data_keys, _w.master_id, _w.wrapped)
        .join_from(data_keys, wrapped_keys, _w.data_key_id == _k.id, isouter=True)
        .where(*conditions)
        .order_by(_k.id)
    )
    return list(_gathered(connection.execute(query)))


def _gathered(rows: Iterable[sa.Row[tuple[object, ...]]]) -> Iterable[DataKeyRow]:
    found: dict[str, DataKeyRow] = {}
    wraps: dict[str, dict[str, str]] = {}
    for row in rows:
        of = wraps.setdefault(row.id, {})
        if row.master_id is not None:
            of[row.master_id] = row.wrapped
        found.setdefault(
            row.id,
            DataKeyRow(row.id, row.owner_id, row.purpose, row.created_at, row.retired_at, of),
        )
    return found.values()
