"""Exchange rates, a row a day and currency, and how far the documents they come from were read."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rates",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("rate", Exact(), nullable=False),
        sa.Column("stored_at", Instant(), nullable=False),
        sa.Column("differing", Exact(), nullable=True),
        sa.Column("differed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("currency", "day", "source", name=op.f("pk_rates")),
    )
    op.create_table(
        "rate_documents",
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("through", sa.Date(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_rate_documents")),
    )
