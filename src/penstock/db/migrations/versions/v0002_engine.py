"""What the engine remembers of its runs: images, archive, quarantine, suggestions, refreshes."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Id, Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the engine's own tables, and add what the others lack."""
    op.create_table(
        "alias_images",
        sa.Column("run_id", Id, autoincrement=False, nullable=False),
        sa.Column("account_id", Id, autoincrement=False, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", Id, nullable=False),
        sa.PrimaryKeyConstraint(
            "run_id", "account_id", "external_id", name=op.f("pk_alias_images")
        ),
    )
    op.create_table(
        "cursor_images",
        sa.Column("run_id", Id, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "stream", name=op.f("pk_cursor_images")),
    )
    op.create_table(
        "run_commits",
        sa.Column("connection_id", Id, autoincrement=False, nullable=False),
        sa.Column("run_id", Id, autoincrement=False, nullable=False),
        sa.Column("change_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_run_commits_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "connection_id", "run_id", "change_number", name=op.f("pk_run_commits")
        ),
    )
    op.create_table(
        "before_images",
        sa.Column("run_id", Id, autoincrement=False, nullable=False),
        sa.Column("transaction_id", Id, autoincrement=False, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("amount", Exact, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("dated_on", sa.Date(), nullable=True),
        sa.Column("booked_on", sa.Date(), nullable=True),
        sa.Column("value_on", sa.Date(), nullable=True),
        sa.Column("authorized_on", sa.Date(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("counterparty", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("original_amount", Exact, nullable=True),
        sa.Column("original_currency", sa.Text(), nullable=True),
        sa.Column("pending_external_id", sa.Text(), nullable=True),
        sa.Column("removed_at", Instant, nullable=True),
        sa.Column("last_run_id", Id, nullable=True),
        sa.Column("posted_run_id", Id, nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_before_images_transaction_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "transaction_id", name=op.f("pk_before_images")),
    )
    op.create_index(
        op.f("ix_before_images_transaction_id"), "before_images", ["transaction_id"], unique=False
    )
    op.create_table(
        "archives",
        sa.Column("id", Id, nullable=False),
        sa.Column("connection_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_archives_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archives")),
    )
    op.create_index("ix_archives_connection", "archives", ["connection_id", "id"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("connection_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("resolved_at", Instant, nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_quarantine_connection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_quarantine_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["connection_id", "external_id"],
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index("ix_quarantine_owner", "quarantine", ["owner_id", "id"], unique=False)
    op.create_table(
        "refreshes",
        sa.Column("id", Id, nullable=False),
        sa.Column("connection_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("answered_at", Instant, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_refreshes_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refreshes")),
    )
    op.create_index("ix_refreshes_connection", "refreshes", ["connection_id", "id"], unique=False)
    op.create_table(
        "archive_answers",
        sa.Column("archive_id", Id, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"],
            ["archives.id"],
            name=op.f("fk_archive_answers_archive_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("archive_id", "number", name=op.f("pk_archive_answers")),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("decided_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_suggestions_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_suggestions_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestions")),
        sa.UniqueConstraint(
            "account_id", "kind", "subject", name=op.f("uq_suggestions_account_id_kind_subject")
        ),
    )
    op.create_index("ix_suggestions_owner", "suggestions", ["owner_id", "id"], unique=False)
    op.create_table(
        "suggestion_rows",
        sa.Column("suggestion_id", Id, autoincrement=False, nullable=False),
        sa.Column("transaction_id", Id, autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestions.id"],
            name=op.f("fk_suggestion_rows_suggestion_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_suggestion_rows_transaction_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("suggestion_id", "transaction_id", name=op.f("pk_suggestion_rows")),
    )
    op.create_index(
        op.f("ix_suggestion_rows_transaction_id"),
        "suggestion_rows",
        ["transaction_id"],
        unique=False,
    )
    op.add_column("aliases", sa.Column("run_id", Id, nullable=True))
    op.add_column("connections", sa.Column("paused_at", Instant, nullable=True))
    op.add_column("connections", sa.Column("paused_reason", sa.Text(), nullable=True))
    op.add_column(
        "runs", sa.Column("quarantined", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("runs", sa.Column("undone_at", Instant, nullable=True))
    op.add_column("tie_outs", sa.Column("footed_on", sa.Date(), nullable=True))
    op.add_column("tie_outs", sa.Column("footed_amount", Exact, nullable=True))
    op.add_column("tie_outs", sa.Column("footed_run", Id, nullable=True))
