"""When prices are due to be asked for again."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Instant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_HELD = """
    INSERT INTO price_turns (instrument, due_at, earliest_at, failures, unmoved)
    SELECT DISTINCT s.instrument, {now}, {now}, 0, 0
    FROM securities s
    JOIN holdings h ON h.security_id = s.id AND h.ended_at IS NULL
    JOIN accounts a ON a.id = h.account_id
    JOIN connections c ON c.id = a.connection_id AND c.disconnected_at IS NULL
    WHERE s.instrument IS NOT NULL
"""


def upgrade() -> None:
    """Make the table, and let what is held already be due."""
    op.create_table(
        "price_turns",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("earliest_at", Instant, nullable=False),
        sa.Column("wanted_at", Instant, nullable=True),
        sa.Column("asked_at", Instant, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("unmoved", sa.Integer(), nullable=False),
        sa.Column("last_ok_at", Instant, nullable=True),
        sa.Column("price_as_of", Instant, nullable=True),
        sa.Column("last_code", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("held_until", Instant, nullable=True),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_price_turns")),
    )
    op.create_index(op.f("ix_price_turns_due"), "price_turns", ["due_at"], unique=False)
    op.create_index(op.f("ix_securities_instrument"), "securities", ["instrument"], unique=False)
    sqlite = op.get_bind().dialect.name == "sqlite"
    now = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now')" if sqlite else "now()"
    op.execute(_HELD.format(now=now))
