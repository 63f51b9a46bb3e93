"""Prices: what sources answered, what was believed, and how hosts want to be asked."""

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Id, Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "prices",
        sa.Column("id", Id, nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("as_of", Instant, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("price", Exact, nullable=False),
        sa.Column("quoted_unit", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("scale", Exact, nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("fetched_at", Instant, nullable=False),
        sa.Column("accepted_at", Instant, nullable=False),
        sa.Column("extractor", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=True),
        sa.Column("delay", sa.BigInteger(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint(
            "instrument",
            "source",
            "as_of",
            "revision",
            name=op.f("uq_prices_instrument_source_as_of_revision"),
        ),
    )
    op.create_index(op.f("ix_prices_day"), "prices", ["instrument", "day", "as_of"], unique=False)
    op.create_index(
        op.f("ix_prices_trusted"),
        "prices",
        ["instrument", "day"],
        unique=False,
        sqlite_where=sa.text("trusted = 1"),
        postgresql_where=sa.text("trusted"),
    )
    op.create_table(
        "price_robots",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("until", Instant, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_price_robots")),
    )
    op.create_table(
        "price_answers",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("quotes", sa.Text(), nullable=False),
        sa.Column("fetched_at", Instant, nullable=False),
        sa.Column("fresh_until", Instant, nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_price_answers")),
    )
    op.create_index(op.f("ix_price_answers_fetched"), "price_answers", ["fetched_at"], unique=False)
