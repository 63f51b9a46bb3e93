"""Sessions of a browser, for our own pages (security.md W1).

A cookie is 256 random bits that mean nothing by themselves; only their hash is stored, beside a row
of `sessions`, so that a browser is listed and ended with everything else. A session ends an hour
after its last use, and twelve hours after it began.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import browser_sessions, sessions
from penstock.db.lane import Database
from penstock.db.sessions import SessionRow
from penstock.domain.clock import Clock
from penstock.domain.secret import Secret
from penstock.identity.live import LiveSessions
from penstock.identity.sessions import Ended, Where
from penstock.vault.hashing import hash_token

CLIENT: Final = "browser"
"""The `client_id` of such a session."""

IDLE: Final = timedelta(hours=1)
ABSOLUTE: Final = timedelta(hours=12)

_TOKEN_BYTES: Final = 32
_MOST_CHARACTERS: Final = 100
_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BrowserPerson:
    """Who sits at a browser. `csrf` is what each form of theirs has to carry."""

    user_id: int
    session_id: int
    username: str
    proved_at: datetime | None
    methods: str
    csrf: str


class Browsing:
    """Begins, finds and ends the sessions of browsers."""

    def __init__(self, database: Database, clock: Clock, live: LiveSessions) -> None:
        self._database = database
        self._clock = clock
        self._live = live

    async def begin(
        self, user_id: int, where: Where, *, methods: str, instead_of: Secret | None = None
    ) -> Secret:
        """Begin a session of somebody who proved who they are; return its cookie, a new one.

        The session that this browser had before (`instead_of`) ends.
        """
        token = new_cookie()
        await self._database.write(self._begin, user_id, where, methods, token, instead_of)
        return token

    async def person(self, token: Secret) -> BrowserPerson | None:
        """Return whose cookie this is, if its session is live."""
        if not 0 < len(token.reveal()) <= _MOST_CHARACTERS:
            return None
        now = self._clock()
        found = await self._database.glance(browser_sessions.find, hash_token(token), now=now)
        if found is None:
            return None
        row, username = found
        if now - row.used_at >= _NOTED_EVERY:
            until = min(now + IDLE, row.created_at + ABSOLUTE)
            await self._database.write(browser_sessions.extend, row.id, now=now, expires_at=until)
        return _person(row, username, token)

    async def end(self, token: Secret) -> None:
        """End the session of this cookie, if it is live: the person signs out."""
        ended = await self._database.write(self._end, token)
        self._live.forget(ended)

    def _begin(
        self,
        connection: sa.Connection,
        user_id: int,
        where: Where,
        methods: str,
        token: Secret,
        instead_of: Secret | None,
    ) -> None:
        now = self._clock()
        if instead_of is not None:
            self._end(connection, instead_of)
        values = {
            "user_id": user_id,
            "scope": "",
            "address": where.address,
            "agent": where.agent,
            "created_at": now,
            "used_at": now,
            "expires_at": now + IDLE,
            "client_id": CLIENT,
            "proved_at": now,
            "methods": methods,
        }
        session_id = sessions.create(connection, values)
        browser_sessions.create(
            connection, session_id=session_id, token_hash=hash_token(token), now=now
        )

    def _end(self, connection: sa.Connection, token: Secret) -> list[int]:
        now = self._clock()
        found = browser_sessions.find(connection, hash_token(token), now=now)
        if found is None:
            return []
        sessions.end(connection, found[0].id, why=Ended.SIGNED_OUT, now=now)
        return [found[0].id]


def new_cookie() -> Secret:
    """Return what a cookie may hold: 256 random bits."""
    return Secret(secrets.token_urlsafe(_TOKEN_BYTES))


def form_token(cookie: Secret, purpose: str) -> str:
    """Return what a form carries besides a cookie: nobody can make it who cannot read that."""
    key = cookie.reveal().encode("utf-8", "surrogatepass")
    return hmac.new(key, f"penstock {purpose}".encode(), hashlib.sha256).hexdigest()


def _person(row: SessionRow, username: str, token: Secret) -> BrowserPerson:
    return BrowserPerson(
        user_id=row.user_id,
        session_id=row.id,
        username=username,
        proved_at=row.proved_at,
        methods=row.methods,
        csrf=form_token(token, "form"),
    )
