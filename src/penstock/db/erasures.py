"""Stubs of what was erased, so that readers of the change feed learn of it (sync.md 19)."""

from collections.abc import Sequence

import sqlalchemy as sa

from penstock.db.metadata import Id, metadata

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("row_id", Id, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Index("ix_erasures_change", "owner_id", "change_number", "id"),
)


def note(
    connection: sa.Connection,
    *,
    owner_id: int,
    kind: str,
    rows: sa.Select[tuple[int]],
    change_number: int,
) -> None:
    """Leave a stub for every row number that the query gives, before they are deleted."""
    columns: Sequence[str] = ("owner_id", "kind", "change_number", "row_id")
    source = sa.select(
        sa.literal(owner_id), sa.literal(kind), sa.literal(change_number), rows.subquery().c[0]
    )
    connection.execute(erasures.insert().from_select(columns, source))


def reading() -> sa.Select[tuple[int, str, int]]:
    """Select stubs as they are read: number, kind, and the number that the erased row had."""
    c = erasures.c
    return sa.select(c.id, c.kind, c.row_id)
