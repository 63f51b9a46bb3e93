"""Towards banks: keys our tokens are bound to, who began a link, and tokens yet to be revoked."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant
from penstock.db.wall import enclosing, of_owner

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and make the queue."""
    op.add_column("credentials", sa.Column("key", sa.Text(), nullable=True))
    op.add_column("links", sa.Column("session_id", Id, nullable=True))
    op.create_table(
        "revocations",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("plan", sa.Integer(), nullable=False),
        sa.Column("access", sa.Text(), nullable=True),
        sa.Column("refresh", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("next_at", Instant, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_revocations_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocations")),
    )
    op.create_index(op.f("ix_revocations_next_at"), "revocations", ["next_at"], unique=False)
    op.create_index(op.f("ix_revocations_owner_id"), "revocations", ["owner_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        for statement in enclosing("revocations", of_owner()):
            op.execute(statement)
