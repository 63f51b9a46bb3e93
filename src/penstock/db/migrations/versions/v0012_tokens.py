"""Tokens: personal ones, codes of devices, proofs that were seen."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.add_column("refresh_tokens", sa.Column("salt", sa.Text(), nullable=True))
    op.create_index("ux_refresh_tokens_parent", "refresh_tokens", ["parent_id"], unique=True)
    op.create_table(
        "dpop_proofs",
        sa.Column("proof_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("proof_hash", name=op.f("pk_dpop_proofs")),
    )
    op.create_index("ix_dpop_proofs_expiry", "dpop_proofs", ["expires_at"])
