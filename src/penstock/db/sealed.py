"""Where sealed texts stand, and to which place each is bound (security.md K1, K2).

Whoever adds a column of them adds a line to `SEALED`: then a change of keys finds it. A test looks
for any that is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.audit import audit_key
from penstock.db.connections import connections
from penstock.db.credentials import credentials
from penstock.db.factors import factors
from penstock.db.hooks import hook_subscriptions
from penstock.db.idempotency import idempotency_keys
from penstock.db.links import links
from penstock.db.revocations import revocations
from penstock.db.signing_keys import signing_keys
from penstock.vault.cipher import Place

OURS: Final = ""
"""In place of the column with the owner: the secret is the installation's own."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed texts, or of nothing.

    They were sealed for `Place(owner, f"{row}:{row_id}", field, version)`: `row_id` and `version`
    name columns of the table (without the first it is `row` alone); so does `owner`, which has a
    person's number, or a connection's where it is `connection_id`, or is `OURS`.
    """

    table: sa.Table
    column: str
    row: str
    row_id: str
    field: str
    owner: str = "owner_id"
    version: str = ""

    @property
    def name(self) -> str:
        """Return the column as people write it."""
        return f"{self.table.name}.{self.column}"


SEALED: Final = (
    *(
        SealedColumn(
            credentials, name, "connection", "connection_id", name, "connection_id", "version"
        )
        for name in ("access", "refresh", "key")
    ),
    *(
        SealedColumn(revocations, name, "revocation", "id", name)
        for name in ("access", "refresh", "key")
    ),
    SealedColumn(
        hook_subscriptions, "secret", "connection", "connection_id", "hook", "connection_id"
    ),
    SealedColumn(factors, "sealed", "factor", "id", "secret", "user_id"),
    SealedColumn(links, "verifier", "link", "id", "verifier"),
    SealedColumn(idempotency_keys, "answer", "idempotency", "key_hash", "answer"),
    SealedColumn(signing_keys, "sealed", "signing_key", "kid", "key", OURS),
    SealedColumn(audit_key, "sealed", "audit_key", "", "key", OURS),
)

_NAME: Final = len("v2.") + 16
"""How long the beginning of a sealed text is that names its key; of older ones it is shorter."""


@dataclass(frozen=True, slots=True)
class SealedText:
    """A sealed text as it is stored: `key` is its row's primary key."""

    key: tuple[Any, ...]
    text: str
    at: Place


def page(
    connection: sa.Connection, which: SealedColumn, *, after: Sequence[Any] | None, limit: int
) -> list[SealedText]:
    """Return sealed texts of a column in the order of their rows, those after the row `after`."""
    table, c = which.table, which.table.c
    primary = list(table.primary_key.columns)
    owner: sa.ColumnElement[Any] = sa.null()
    source: sa.FromClause = table
    if which.owner == "connection_id":
        source = table.join(connections, connections.c.id == c.connection_id)
        owner = connections.c.owner_id
    elif which.owner:
        owner = c[which.owner]
    row_id: sa.ColumnElement[Any] = c[which.row_id] if which.row_id else sa.null()
    version: sa.ColumnElement[Any] = c[which.version] if which.version else sa.literal(1)
    query = (
        sa.select(c[which.column], row_id, owner, version, *primary)
        .select_from(source)
        .where(c[which.column].is_not(None))
        .order_by(*primary)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sa.tuple_(*primary) > sa.tuple_(*map(sa.literal, after)))
    return [
        SealedText(tuple(key), text, _place(which, name, owner_id, number))
        for text, name, owner_id, number, *key in connection.execute(query)
    ]


def replace(connection: sa.Connection, which: SealedColumn, old: SealedText, new: str) -> bool:
    """Put a sealed text in the place of another; False where somebody else did, or it is gone."""
    same = [column == value for column, value in zip(_primary(which), old.key, strict=True)]
    unchanged = which.table.c[which.column] == old.text
    changed = which.table.update().where(*same, unchanged).values({which.column: new})
    return connection.execute(changed).rowcount == 1


def by_key(connection: sa.Connection) -> dict[str, int]:
    """Count all sealed texts by the name of their key, `v2.<id>` or `v1.<id>`."""
    counts: dict[str, int] = {}
    for which in SEALED:
        column = which.table.c[which.column]
        name = sa.func.substr(column, 1, _NAME)
        query = sa.select(name, sa.func.count()).where(column.is_not(None)).group_by(name)
        for text, count in connection.execute(query):
            key = ".".join(str(text).split(".")[:2])
            counts[key] = counts.get(key, 0) + int(count)
    return counts


def _primary(which: SealedColumn) -> list[sa.Column[Any]]:
    return list(which.table.primary_key.columns)


def _place(which: SealedColumn, name: Any, owner_id: int | None, version: int) -> Place:  # noqa: ANN401 - any column's value
    owner = "installation" if not which.owner else f"user:{owner_id}"
    row = which.row if name is None else f"{which.row}:{name}"
    return Place(owner, row, which.field, version)
