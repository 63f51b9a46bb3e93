"""How a person's banks write their CSV files, by the name that the person gave it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

mappings = sa.Table(
    "mappings",
    metadata,
    sa.Column(
        "owner_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)


class Saved(NamedTuple):
    """A saved mapping."""

    name: str
    settings: dict[str, str]
    updated_at: datetime


def of_owner(
    connection: sa.Connection, *, owner_id: int, after: str = "", limit: int
) -> Sequence[Saved]:
    """Return a person's mappings in the order of their names, past `after`."""
    c = mappings.c
    query = sa.select(c.name, c.settings, c.updated_at).where(c.owner_id == owner_id)
    rows = connection.execute(query).all()
    found = sorted(Saved(row[0], json.loads(row[1]), row[2]) for row in rows if row[0] > after)
    return found[:limit]


def get(connection: sa.Connection, name: str, *, owner_id: int) -> Saved:
    """Return one of a person's mappings. Raises NotFound."""
    c = mappings.c
    query = sa.select(c.name, c.settings, c.updated_at).where(
        c.owner_id == owner_id, c.name == name
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no mapping {name[:40]!r}: `penstock mappings` lists them.")
    return Saved(row[0], json.loads(row[1]), row[2])


def save(
    connection: sa.Connection,
    name: str,
    settings: Mapping[str, str],
    *,
    owner_id: int,
    now: datetime,
) -> None:
    """Save a mapping in place of the last one of that name."""
    _delete(connection, name, owner_id)
    connection.execute(
        mappings.insert().values(
            owner_id=owner_id, name=name, settings=json.dumps(dict(settings)), updated_at=now
        )
    )


def delete(connection: sa.Connection, name: str, *, owner_id: int) -> None:
    """Delete a mapping. Raises NotFound."""
    if not _delete(connection, name, owner_id):
        raise NotFound(f"There is no mapping {name[:40]!r}: `penstock mappings` lists them.")


def _delete(connection: sa.Connection, name: str, owner_id: int) -> int:
    c = mappings.c
    return connection.execute(
        mappings.delete().where(c.owner_id == owner_id, c.name == name)
    ).rowcount
