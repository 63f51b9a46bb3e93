"""People: roles; how a session was proved, for which program, bound to which key."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. The first person was the one who set all up: they are the admin."""
    op.add_column("users", sa.Column("role", sa.Text(), server_default="member", nullable=False))
    op.execute("UPDATE users SET role = 'admin' WHERE id = (SELECT min(id) FROM users)")
    for column in (
        sa.Column("client_id", sa.Text(), server_default="penstock", nullable=False),
        sa.Column("proved_at", Instant, nullable=True),
        sa.Column("methods", sa.Text(), server_default="pwd", nullable=False),
        sa.Column("key_thumbprint", sa.Text(), nullable=True),
    ):
        op.add_column("sessions", column)
    op.add_column("refresh_tokens", sa.Column("parent_id", Id, nullable=True))
    op.create_table(
        "browser_sessions",
        sa.Column("session_id", Id, nullable=False, autoincrement=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_browser_sessions_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_browser_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_browser_sessions_token_hash")),
    )
