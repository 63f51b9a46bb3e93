"""Data keys, one a person, each wrapped by the master key; and the turn of master keys.

The present master key's bytes become the root at the next start, so that hashes stay what they are
(engine/unlock.py); what was sealed with it directly stays readable, and is sealed anew in time.
"""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OWNED = "owner_id IS NOT NULL AND retired_at IS NULL"
_OURS = "owner_id IS NULL AND retired_at IS NULL"


def upgrade() -> None:
    """Make the tables, and say what each master key is."""
    op.create_table(
        "data_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner_id", Id, nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("retired_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_data_keys_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
    )
    for name, column, where in (
        ("ix_data_keys_owner", "owner_id", _OWNED),
        ("ix_data_keys_ours", "purpose", _OURS),
    ):
        op.create_index(
            name,
            "data_keys",
            [column],
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.create_table(
        "wrapped_keys",
        sa.Column("data_key_id", sa.Text(), nullable=False),
        sa.Column("master_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_key_id"],
            ["data_keys.id"],
            name=op.f("fk_wrapped_keys_data_key_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("data_key_id", "master_id", name=op.f("pk_wrapped_keys")),
    )
    op.add_column(
        "vault_check", sa.Column("state", sa.Text(), server_default="present", nullable=False)
    )
