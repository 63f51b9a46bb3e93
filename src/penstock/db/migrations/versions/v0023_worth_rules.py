"""By which rules a stored day of net worth was worked out; days of before were by none."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rules: 0 is none, so that every day is worked out once more."""
    rules = sa.Column("rules", sa.Integer(), nullable=False, server_default="0")
    op.add_column("net_worth", rules)
