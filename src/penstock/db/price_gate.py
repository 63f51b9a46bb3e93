"""What is known of the hosts that prices come from: places, robots.txt, and answers kept.

What is spent of their rates and quotas is kept with everybody else's (db/budgets.py), and how they
do (db/breakers.py). No row holds a secret: an address is known by its hash alone.
"""

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

price_places = sa.Table(
    "price_places",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
)
"""Who is at a host at this moment: `slot` is less than its concurrency.

A place is free after `until`: whoever was killed holds it no longer than that.
"""

price_robots = sa.Table(
    "price_robots",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
    sa.Column("text", sa.Text),
)
"""What a host's robots.txt said. Null: nothing may be asked."""

price_answers = sa.Table(
    "price_answers",
    metadata,
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("quotes", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("fresh_until", Instant, nullable=False),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Index("ix_price_answers_fetched", "fetched_at"),
)
"""`address` is a hash; `quotes` what was read of the answer (JSON), never the answer itself."""
