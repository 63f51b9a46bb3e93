"""Subscriptions to webhooks, and the events that came in."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "hook_subscriptions",
        sa.Column("connection_id", Id, autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_hook_subscriptions_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_hook_subscriptions")),
    )
    op.create_table(
        "hook_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("connection_id", Id, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("try_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_hook_events_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_events")),
        sa.UniqueConstraint(
            "connection_id", "event_id", name=op.f("uq_hook_events_connection_id_event_id")
        ),
    )
    op.create_index(
        "ix_hook_events_received", "hook_events", ["connection_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_hook_events_waiting",
        "hook_events",
        ["try_at"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
