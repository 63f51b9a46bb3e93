"""What was told to whom and when; indexes by which a quiet sync need not read what is old."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the notices, and the indexes."""
    op.create_table(
        "notice_targets",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("told_at", Instant, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("not_before", Instant, nullable=True),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_notice_targets")),
    )
    op.create_table(
        "notice_turns",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notice_turns")),
    )
    op.create_table(
        "notices",
        sa.Column("id", Id, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("connection_id", Id, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("told_at", Instant, nullable=False),
        sa.Column("recovered_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_notices_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint(
            "target", "kind", "subject", name=op.f("uq_notices_target_kind_subject")
        ),
    )
    op.create_index("ix_notices_connection", "notices", ["connection_id"], unique=False)
    op.create_index("ix_balances_heard", "balances", ["account_id", "observed_at"], unique=False)
    op.create_index(
        "ix_runs_undone",
        "runs",
        ["connection_id", "undone_at"],
        unique=False,
        sqlite_where=sa.text("undone_at IS NOT NULL"),
        postgresql_where=sa.text("undone_at IS NOT NULL"),
    )
