"""Ending everything that lets somebody in, at once (security.md R6).

Each table that hangs on a person (`user_id`) or a session (`session_id`) says in its `info` what
becomes of its rows when everything of that person ends. So a new table is covered by the line that
declares it, and a test refuses one that says nothing.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import sessions as stored
from penstock.db.metadata import metadata

_HOW: Final = "when everything of a person ends"

BY_SESSION: Final = {_HOW: "nothing"}
"""The row is worth nothing once its session has ended: whoever looks it up asks for that too."""

KEPT: Final = {_HOW: "nothing"}
"""The row lets nobody in by itself: a factor that is asked for besides the password, say."""

DELETED: Final = {_HOW: "delete"}
"""The row goes: a code that waits to be exchanged, a link that waits to be opened."""

ENDED: Final = {_HOW: "end"}
"""The row stays, and its column `ended_at` is set where it is empty: a token of one's own."""


def how_it_ends(table: sa.Table) -> str | None:
    """Return what a table says of its rows; None where it says nothing."""
    said: str | None = table.info.get(_HOW)
    return said


def end_everything(
    connection: sa.Connection,
    user_id: int,
    *,
    why: str,
    now: datetime,
    keep: int | None = None,
) -> list[int]:
    """End all sessions of a person but `keep`, and whatever else would let them in.

    Returns the numbers of the sessions that were live. Refresh tokens and cookies of a browser end
    with their session; what waits for the session `keep` is kept with it.
    """
    for table in metadata.sorted_tables:
        _end(connection, table, user_id, now, keep)
    return stored.end_all(connection, user_id, why=why, now=now, keep=keep)


def _end(
    connection: sa.Connection, table: sa.Table, user_id: int, now: datetime, keep: int | None
) -> None:
    how = how_it_ends(table)
    if how == "delete":
        connection.execute(table.delete().where(_theirs(table, user_id, keep)))
    elif how == "end":
        theirs = _theirs(table, user_id, keep)
        connection.execute(
            table.update().where(theirs, table.c.ended_at.is_(None)).values(ended_at=now)
        )


def _theirs(table: sa.Table, user_id: int, keep: int | None) -> sa.ColumnElement[bool]:
    """Say which rows: by the person where a row names one, by their sessions otherwise."""
    if "user_id" in table.c:
        by_person: sa.ColumnElement[bool] = table.c.user_id == user_id
        return by_person
    sessions = stored.sessions.c
    others = sa.select(sessions.id).where(sessions.user_id == user_id, sessions.id != (keep or 0))
    by_session: sa.ColumnElement[bool] = table.c.session_id.in_(others)
    return by_session
