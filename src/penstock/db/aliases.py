"""Provider ids that a transaction had before. Events for one of them change nothing (sync.md 7)."""

import sqlalchemy as sa

from penstock.db.metadata import Id, metadata

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column(
        "account_id",
        Id,
        sa.ForeignKey("accounts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("external_id", sa.Text, primary_key=True),
    sa.Column(
        "transaction_id",
        Id,
        sa.ForeignKey("transactions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("run_id", Id),
)
