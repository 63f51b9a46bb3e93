"""What was ever told of a security: by which names, by whom, and from which day on.

A row a telling of a position (or of a person: those have no account). Rows are added when something
else is told, and the one before gets its `until`; none is changed otherwise.
"""

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata

security_ids = sa.Table(
    "security_ids",
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
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE")),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("security_external_id", sa.Text),
    sa.Column("ticker", sa.Text),
    sa.Column("mic", sa.Text),
    sa.Column("isin", sa.Text),
    sa.Column("figi", sa.Text),
    sa.Column("cusip", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("until", sa.Date),
    sa.Column("pin", Id),
    sa.Column("apart", sa.Text, nullable=False, server_default=""),
    sa.Column("run_id", Id),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_security_ids_owner", "owner_id", "id"),
    sa.Index("ix_security_ids_account", "account_id", "external_id"),
)
