"""Budgets and breakers, shared by all processes."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "breakers",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("institution", sa.Text(), nullable=False),
        sa.Column("failed", sa.Text(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("opened_at", Instant, nullable=True),
        sa.Column("open_until", Instant, nullable=True),
        sa.Column("prober", sa.Text(), nullable=True),
        sa.Column("probing_until", Instant, nullable=True),
        sa.PrimaryKeyConstraint("connector", "institution", name=op.f("pk_breakers")),
    )
    op.create_table(
        "budgets",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("connection_id", Id, nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=True),
        sa.Column("window_ms", sa.BigInteger(), nullable=True),
        sa.Column("spaced", sa.Boolean(), nullable=False),
        sa.Column("next_at", Instant, nullable=True),
        sa.Column("spent", sa.Text(), nullable=False),
        sa.Column("told_limit", sa.BigInteger(), nullable=True),
        sa.Column("told_left", sa.BigInteger(), nullable=True),
        sa.Column("told_until", Instant, nullable=True),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("quiet_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_budgets_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budgets")),
    )
    op.create_index("ix_budgets_connection", "budgets", ["connection_id"], unique=False)
    op.create_index(
        "ix_budgets_told",
        "budgets",
        ["connector"],
        unique=False,
        sqlite_where=sa.text("calls IS NULL"),
        postgresql_where=sa.text("calls IS NULL"),
    )
