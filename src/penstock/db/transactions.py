"""Transactions: what the provider says of them, and what the person does.

The provider's columns are written by bulk.py alone, the person's (`person_category`, `note`,
`hidden`, `deleted_at`) by the person alone: neither can overwrite the other (sync.md 12).
`dated_on` is the day by which a row is listed: booked, else authorized, else value, else seen.
"""

from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import Exact, Id, Instant, metadata

_PENDING: Final = sa.text("status = 'pending'")

transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("dated_on", sa.Date, nullable=False),
    sa.Column("booked_on", sa.Date),
    sa.Column("value_on", sa.Date),
    sa.Column("authorized_on", sa.Date),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("counterparty", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("original_amount", Exact),
    sa.Column("original_currency", sa.Text),
    sa.Column("pending_external_id", sa.Text),
    sa.Column("removed_at", Instant),
    sa.Column("first_run_id", Id, nullable=False),
    sa.Column("last_run_id", Id, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Column("person_category", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("account_id", "external_id"),
    sa.Index("ix_transactions_listing", "owner_id", "dated_on", "id"),
    sa.Index("ix_transactions_account", "account_id", "dated_on", "id"),
    sa.Index("ix_transactions_change", "owner_id", "change_number", "id"),
    sa.Index(
        "ix_transactions_pending", "account_id", sqlite_where=_PENDING, postgresql_where=_PENDING
    ),
)
