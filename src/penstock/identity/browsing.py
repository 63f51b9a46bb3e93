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

from penstock.db import browser_sessions, half_sign_ins, sessions, users
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.sessions import SessionRow
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.live import LiveSessions
from penstock.identity.sessions import Ended, Where, check_same
from penstock.vault.hashing import hash_token

CLIENT: Final = "browser"
"""The `client_id` of such a session."""

IDLE: Final = timedelta(hours=1)
ABSOLUTE: Final = timedelta(hours=12)
HALF: Final = timedelta(minutes=5)
"""For how long the second factor is waited for."""

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

    def __init__(
        self, database: Database, clock: Clock, live: LiveSessions, audit: AuditLog
    ) -> None:
        self._database = database
        self._clock = clock
        self._live = live
        self._audit = audit

    async def begin(
        self, user: UserRow, where: Where, *, methods: str, instead_of: Secret | None = None
    ) -> Secret:
        """Begin a session of somebody who proved who they are; return its cookie, a new one.

        The session that this browser had before (`instead_of`) ends. Raises SignInRefused.
        """
        token = new_cookie()
        await self._database.write(self._begin, user, where, methods, token, instead_of)
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

    async def half(self, user_id: int) -> Secret:
        """Return the cookie of somebody whose password was right, and who has a factor to give."""
        token, now = new_cookie(), self._clock()
        await self._database.write(
            half_sign_ins.create,
            hash_token(token),
            user_id=user_id,
            now=now,
            expires_at=now + HALF,
        )
        return token

    async def half_of(self, token: Secret) -> UserRow | None:
        """Return whose half sign-in this is, if it is good still."""
        return await self._database.read(self._half_of, token)

    async def finish(self, token: Secret) -> bool:
        """Use a half sign-in up; say whether it was there still."""
        return await self._database.write(half_sign_ins.use, hash_token(token))

    def _half_of(self, connection: sa.Connection, token: Secret) -> UserRow | None:
        found = half_sign_ins.find(connection, hash_token(token), now=self._clock())
        user = users.get(connection, found) if found is not None else None
        return user if user is not None and user.disabled_at is None else None

    def _begin(
        self,
        connection: sa.Connection,
        user: UserRow,
        where: Where,
        methods: str,
        token: Secret,
        instead_of: Secret | None,
    ) -> None:
        now, user_id = self._clock(), user.id
        check_same(connection, user)
        if instead_of is not None:
            self._replace(connection, instead_of)
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
        facts = {"client": CLIENT, "methods": methods}
        self._note(connection, AuditKind.SIGNED_IN, user_id, session_id, **facts)

    def _replace(self, connection: sa.Connection, token: Secret) -> SessionRow | None:
        now = self._clock()
        found = browser_sessions.find(connection, hash_token(token), now=now)
        if found is None:
            return None
        sessions.end(connection, found[0].id, why=Ended.SIGNED_OUT, now=now)
        return found[0]

    def _end(self, connection: sa.Connection, token: Secret) -> list[int]:
        row = self._replace(connection, token)
        if row is None:
            return []
        self._note(connection, AuditKind.SIGNED_OUT, row.user_id, row.id)
        return [row.id]

    def _note(
        self,
        connection: sa.Connection,
        kind: AuditKind,
        user_id: int,
        session_id: int,
        **facts: str,
    ) -> None:
        event = AuditEvent(kind, user_id, public_id("ses", session_id), facts)
        self._audit.record(connection, event, now=self._clock())


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
