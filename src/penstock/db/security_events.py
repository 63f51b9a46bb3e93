"""What happened to securities: splits, new names, merges; and what is only suggested."""

import sqlalchemy as sa

from penstock.db.metadata import Exact, Id, Instant, metadata

security_events = sa.Table(
    "security_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "security_id",
        Id,
        sa.ForeignKey("securities.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("ratio_new", Exact),
    sa.Column("ratio_old", Exact),
    sa.Column("old_ticker", sa.Text),
    sa.Column("old_mic", sa.Text),
    sa.Column("old_isin", sa.Text),
    sa.Column("new_ticker", sa.Text),
    sa.Column("new_mic", sa.Text),
    sa.Column("new_isin", sa.Text),
    sa.Column("other_id", Id),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run_id", Id),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("decided_at", Instant),
    sa.Index("ix_security_events_owner", "owner_id", "id"),
)
