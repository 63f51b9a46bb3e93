"""What everything is worth, day by day, and prices of one's own."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Id, Instant
from penstock.db.wall import enclosing, of_owner

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "net_worth",
        sa.Column("owner_id", Id, autoincrement=False, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("total", Exact(), nullable=False),
        sa.Column("assets", Exact(), nullable=False),
        sa.Column("liabilities", Exact(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Text(), nullable=True),
        sa.Column("oldest_as_of", Instant, nullable=True),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("computed_at", Instant, nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_net_worth_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "currency", "day", name=op.f("pk_net_worth")),
    )
    op.create_table(
        "own_prices",
        sa.Column("owner_id", Id, autoincrement=False, nullable=False),
        sa.Column("security_id", Id, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("price", Exact(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("set_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_own_prices_owner_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["security_id"],
            ["securities.id"],
            name=op.f("fk_own_prices_security_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner_id", "security_id", "day", name=op.f("pk_own_prices")),
    )
    op.create_index(op.f("ix_own_prices_security_id"), "own_prices", ["security_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        for table in ("net_worth", "own_prices"):
            for statement in enclosing(table, of_owner()):
                op.execute(statement)
