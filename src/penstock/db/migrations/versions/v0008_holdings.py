"""What accounts hold: the positions, as they were before a run, and how many a run wrote."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Id, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the count of a run."""
    op.create_table(
        "holdings",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("isin", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("quantity", Exact, nullable=False),
        sa.Column("price", Exact, nullable=True),
        sa.Column("value", Exact, nullable=True),
        sa.Column("cost_basis", Exact, nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("as_of", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("first_run_id", Id, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_holdings_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_holdings_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holdings")),
        sa.UniqueConstraint(
            "account_id", "external_id", name=op.f("uq_holdings_account_id_external_id")
        ),
    )
    op.create_index(
        "ix_holdings_change", "holdings", ["owner_id", "change_number", "id"], unique=False
    )
    op.create_index("ix_holdings_owner", "holdings", ["owner_id", "id"], unique=False)
    op.create_table(
        "holding_images",
        sa.Column("run_id", Id, autoincrement=False, nullable=False),
        sa.Column("holding_id", Id, autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("isin", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("quantity", Exact, nullable=False),
        sa.Column("price", Exact, nullable=True),
        sa.Column("value", Exact, nullable=True),
        sa.Column("cost_basis", Exact, nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("as_of", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["holding_id"],
            ["holdings.id"],
            name=op.f("fk_holding_images_holding_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "holding_id", name=op.f("pk_holding_images")),
    )
    op.create_index(
        op.f("ix_holding_images_holding_id"), "holding_images", ["holding_id"], unique=False
    )
    op.add_column(
        "runs", sa.Column("holdings", sa.BigInteger(), server_default="0", nullable=False)
    )
