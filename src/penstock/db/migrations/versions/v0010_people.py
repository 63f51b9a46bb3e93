"""People: roles; how a session was proved, for which program, bound to which key."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Id, Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. The first person who may sign in set all up: they are the admin."""
    op.add_column("users", sa.Column("role", sa.Text(), server_default="member", nullable=False))
    op.execute(
        "UPDATE users SET role = 'admin' WHERE id = "
        "(SELECT id FROM users ORDER BY disabled_at IS NOT NULL, id LIMIT 1)"
    )
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
    op.create_table(
        "factors",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("last_step", Id, nullable=True),
        sa.Column("credential_id", sa.Text(), nullable=True),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("sign_count", Id, server_default="0", nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("confirmed_at", Instant, nullable=True),
        sa.Column("used_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_factors_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_factors_credential_id")),
    )
    op.create_index("ix_factors_user", "factors", ["user_id", "id"], unique=False)
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", Id, autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "half_sign_ins",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_half_sign_ins_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_half_sign_ins")),
    )
    op.create_index("ix_half_sign_ins_user", "half_sign_ins", ["user_id"], unique=False)
    op.create_table(
        "spent_challenges",
        sa.Column("challenge_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_spent_challenges")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_invitations_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_index("ix_invitations_user", "invitations", ["user_id"], unique=False)
