"""Proofs of possession that were seen (RFC 9449 §11.1), so that no worker takes one again."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Instant, metadata

dpop_proofs = sa.Table(
    "dpop_proofs",
    metadata,
    sa.Column("proof_hash", sa.Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_dpop_proofs_expiry", "expires_at"),
)

_c = dpop_proofs.c


def remember(
    connection: sa.Connection, proof_hash: str, *, now: datetime, expires_at: datetime
) -> bool:
    """Note that a proof was seen; False where it was before. Of any number at once, one is True."""
    connection.execute(dpop_proofs.delete().where(_c.expires_at <= now))
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    statement = insert(dpop_proofs).values(proof_hash=proof_hash, expires_at=expires_at)
    taken = statement.on_conflict_do_nothing().returning(_c.proof_hash)
    return connection.execute(taken).first() is not None
