"""Files of banks: whose they are, how their CSV is read, and how many rows were known already."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the count."""
    op.create_table(
        "file_accounts",
        sa.Column("owner_id", Id, autoincrement=False, nullable=False),
        sa.Column("identity_hash", sa.Text(), nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_file_accounts_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_file_accounts_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "identity_hash", name=op.f("pk_file_accounts")),
    )
    op.create_index(
        op.f("ix_file_accounts_account_id"), "file_accounts", ["account_id"], unique=False
    )
    op.create_table(
        "mappings",
        sa.Column("owner_id", Id, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_mappings_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "name", name=op.f("pk_mappings")),
    )
    op.add_column("runs", sa.Column("linked", sa.BigInteger(), server_default="0", nullable=False))
