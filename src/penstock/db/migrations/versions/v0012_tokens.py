"""Tokens: personal ones, codes of devices, proofs that were seen."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

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
    _personal_tokens()
    _device_codes()


def _personal_tokens() -> None:
    op.create_table(
        "personal_tokens",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("session_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_personal_tokens_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_personal_tokens_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_tokens")),
        sa.UniqueConstraint("session_id", name=op.f("uq_personal_tokens_session_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_personal_tokens_token_hash")),
    )
    op.create_index("ix_personal_tokens_user", "personal_tokens", ["user_id", "id"])


def _device_codes() -> None:
    op.create_table(
        "device_codes",
        sa.Column("id", Id, nullable=False),
        sa.Column("device_hash", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key_thumbprint", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("pause", sa.Integer(), nullable=False),
        sa.Column("asked_at", Instant, nullable=True),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("methods", sa.Text(), nullable=True),
        sa.Column("proved_at", Instant, nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        sa.Column("used_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_device_codes_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_codes")),
        sa.UniqueConstraint("device_hash", name=op.f("uq_device_codes_device_hash")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_device_codes_code_hash")),
    )
    op.create_index("ix_device_codes_expiry", "device_codes", ["expires_at"])
