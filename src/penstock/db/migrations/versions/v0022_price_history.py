"""Of which days closes have been asked for."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Instant

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what is held already gets its rows when it is looked at."""
    op.create_table(
        "price_history",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("through", sa.Date(), nullable=True),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_price_history")),
    )
