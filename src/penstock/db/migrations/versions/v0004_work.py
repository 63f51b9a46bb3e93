"""Pace, parking and waiting runs; and the job engine's own tables on PostgreSQL."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a connection remembers of its starts, and what finds the due ones at once."""
    starts = sa.Column("starts", sa.Integer(), server_default="0", nullable=False)
    op.add_column("connections", starts)
    op.add_column("connections", sa.Column("parked_at", Instant, nullable=True))
    op.add_column("connections", sa.Column("pace_seconds", sa.Integer(), nullable=True))
    op.add_column("connections", sa.Column("queued_run_id", Id, nullable=True))
    op.add_column(
        "connections",
        sa.Column("queued_from_start", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.drop_index("ix_connections_due", table_name="connections")
    _index(
        *("ix_connections_due", "connections", ["connector", "next_sync_at", "id"]),
        where="disconnected_at IS NULL AND parked_at IS NULL AND consent IN ('active', 'expiring')",
    )
    _index(
        *("ix_connections_asked", "connections", ["connector", "sync_requested_at"]),
        where="sync_requested_at IS NOT NULL",
    )
    _index("ix_leases_held", "leases", ["expires_at"], where="holder IS NOT NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def _index(name: str, table: str, columns: list[str], *, where: str) -> None:
    only = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=only, postgresql_where=only)
