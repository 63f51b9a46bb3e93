"""Sessions and their refresh tokens (security.md R1, R2, R4, R5).

A refresh token is 256 random bits, good once. Using it gives the next one; using it again ends the
session with all its tokens, for one of the two who used it stole it. One case is let off: two tabs
or two commands of the same person that refresh in the same moment. So a token that was used within
the last ten seconds, and whose successor nobody has used yet, is refused without ending anything.
Whoever came second gets no token by it: of all, one is live.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from penstock.db import refresh_tokens, sessions
from penstock.db.refresh_tokens import TokenRow
from penstock.db.sessions import SessionRow
from penstock.domain.errors import NotSignedIn
from penstock.domain.secret import Secret
from penstock.vault.hashing import hash_token

IDLE: Final = timedelta(days=30)
ABSOLUTE: Final = timedelta(days=180)
OVERLAP: Final = timedelta(seconds=10)

_KEPT_AFTER: Final = timedelta(days=30)
_TOKEN_BYTES: Final = 32
_PREFIX: Final = "pstr_"  # so that people and secret scanners know one when they see it


class Ended(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed_out"
    ENDED = "ended_by_person"
    REUSED = "refresh_token_reused"
    PASSWORD = "password_changed"  # noqa: S105 - a reason, no password
    DISABLED = "person_disabled"


class RefreshRefused(NotSignedIn):
    """The refresh token is not good, or not any more: sign in again."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where somebody signs in from: an address, and what the program calls itself."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Reused:
    """A refresh token came twice. `ended` is the session, where that ended it."""

    session_id: int
    ended: bool


def new_refresh_token() -> Secret:
    """Return a new refresh token."""
    return Secret(_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES))


def begin(
    connection: sa.Connection,
    *,
    user_id: int,
    scope: str,
    where: Where,
    token: Secret,
    now: datetime,
) -> int:
    """Begin a session with its first refresh token; return its number."""
    refresh_tokens.delete_expired(connection, before=now - _KEPT_AFTER)
    session_id = sessions.create(
        connection,
        {
            "user_id": user_id,
            "scope": scope,
            "address": where.address,
            "agent": where.agent,
            "created_at": now,
            "used_at": now,
            "expires_at": now + ABSOLUTE,
            "proved_at": now,
        },
    )
    _give(connection, session_id, token, now)
    return session_id


def rotate(
    connection: sa.Connection, token: Secret, successor: Secret, *, now: datetime
) -> SessionRow | Reused | None:
    """Use a refresh token up and store its successor; return the session.

    None where there is no such token or its session is over. Reused where it was used before:
    that is a value and no exception, for what it ended must be committed.
    """
    row = refresh_tokens.find(connection, hash_token(token))
    if row is None or row.expires_at <= now:
        return None
    session = sessions.touch(connection, row.session_id, now=now)
    if session is None:
        return None
    if not refresh_tokens.use(connection, row.id, now=now):
        return _reused(connection, row, now)
    _give(connection, session.id, successor, now)
    return session


def _give(connection: sa.Connection, session_id: int, token: Secret, now: datetime) -> None:
    refresh_tokens.create(
        connection,
        session_id=session_id,
        token_hash=hash_token(token),
        now=now,
        expires_at=now + IDLE,
    )


def _reused(connection: sa.Connection, row: TokenRow, now: datetime) -> Reused:
    newest, parent = refresh_tokens.youngest(connection, row.session_id, count=2)
    overlaps = (
        row.id == parent.id
        and newest.used_at is None
        and parent.used_at is not None
        and now - parent.used_at <= OVERLAP
    )
    if not overlaps:
        sessions.end(connection, row.session_id, why=Ended.REUSED, now=now)
    return Reused(row.session_id, ended=not overlaps)
