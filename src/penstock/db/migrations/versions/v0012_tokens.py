"""Tokens: personal ones, codes of devices, proofs that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.add_column("refresh_tokens", sa.Column("salt", sa.Text(), nullable=True))
    op.create_index("ux_refresh_tokens_parent", "refresh_tokens", ["parent_id"], unique=True)
