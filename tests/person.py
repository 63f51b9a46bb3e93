"""A person of whom nothing matters but that there is one, with a change feed."""

from datetime import UTC, datetime

import sqlalchemy as sa

from penstock.db import feeds, users

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def add_person(connection: sa.Connection, username: str = "ann") -> int:
    """Store a person who cannot sign in; return the row's number."""
    owner_id = users.create(connection, username=username, password_hash="", now=SINCE)
    feeds.open_feed(connection, owner_id)
    return owner_id
