"""Personal access tokens, for scripts (security.md C6).

`pspat_`, 43 characters of 256 random bits and 6 of a CRC-32, as GitHub writes its own: whoever
scans for secrets knows one by its look, and a slip of the pen is told from a token without asking
the database. Only its hash is stored.

A token has a session of its own, which nobody proved themselves in: so it ends with the person's
other sessions, wherever those are all ended, and opens nothing that asks for a fresh proof. It
makes no other tokens.
"""

import re
import secrets
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import personal_tokens, sessions, users
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.personal_tokens import PersonalRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict, Forbidden, InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.live import LiveSessions
from penstock.identity.purpose import PERSONAL
from penstock.identity.scopes import Scope, read_scopes, write_scopes
from penstock.identity.sessions import Ended, Where
from penstock.identity.tokens import Grant, TokenBad
from penstock.vault.hashing import hash_token

PREFIX: Final = "pspat_"
PATTERN: Final = r"\bpspat_[0-9A-Za-z]{49}\b"
"""How a secret scanner finds one."""

DAYS: Final = 90
MOST_DAYS: Final = 365
MOST_TOKENS: Final = 100

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BITS: Final = 256
_LENGTH: Final = 43  # 62^43 > 2^256
_CHECK: Final = 6  # 62^6 > 2^32
_WHOLE: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_LENGTH + _CHECK}}}")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}")
_SEEN_FOR: Final = timedelta(seconds=5)
_USED_EVERY: Final = timedelta(minutes=1)
_MOST_SEEN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token shall be called and be good for, and for how many days."""

    name: str
    scopes: frozenset[Scope]
    days: int = DAYS


@dataclass(frozen=True, slots=True)
class Made:
    """A new token. It is shown this once."""

    token: Secret
    row: PersonalRow


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of a token since `at`."""

    at: datetime
    row: PersonalRow


class PersonalTokens:
    """Makes, lists, takes and ends personal access tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        live: LiveSessions,
        audit: AuditLog,
        *,
        is_decoy: Callable[[str], Awaitable[bool]] | None = None,
        random: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._database = database
        self._clock = clock
        self._live = live
        self._audit = audit
        self._is_decoy = is_decoy
        self._random = random
        self._seen: dict[str, _Seen] = {}
        self._used: dict[int, datetime] = {}

    async def make(self, caller: Caller, wish: Wish, where: Where) -> Made:
        """Make a token of the caller's.

        Its scopes are some of the caller's; only `export` may come on top, for it is what stands
        for the proof that a script cannot give. Raises Forbidden, InvalidInput, Conflict.
        """
        if caller.is_script:
            raise Forbidden("A personal access token makes no others: sign in for that.")
        if not wish.scopes or not wish.scopes - {Scope.EXPORT} <= caller.scopes:
            raise InvalidInput("Name at least one scope, and none that you do not have here.")
        if not _NAME.fullmatch(wish.name):
            raise InvalidInput("A name is 1 to 100 characters that can be shown.")
        if not 1 <= wish.days <= MOST_DAYS:
            raise InvalidInput(f"A token is good for 1 to {MOST_DAYS} days.")
        token = written(self._random(_BITS))
        row = await self._database.write(self._store, caller.user_id, wish, where, token)
        return Made(token, row)

    async def page(self, user_id: int, *, after: int, limit: int) -> list[PersonalRow]:
        """Return the person's tokens that are good, never the tokens themselves."""
        return await self._database.read(
            personal_tokens.page, user_id=user_id, now=self._clock(), after=after, limit=limit
        )

    async def end(self, token_id: int, *, user_id: int) -> None:
        """End one of the person's tokens. Raises NotFound."""
        row = await self._database.write(self._end, token_id, user_id)
        self._live.forget([row.session_id])

    async def grant(self, token: str) -> Grant:
        """Return what a token is good for. Raises TokenBad where there is none.

        Whether it is still live, and its person able, is asked of its session.
        """
        if not is_whole(token):
            raise TokenBad
        token_hash = hash_token(Secret(token))
        row = await self._find(token_hash)
        await self._note_use(row.id)
        return Grant(row.user_id, row.session_id, read_scopes(row.scope), PERSONAL)

    async def _find(self, token_hash: str) -> PersonalRow:
        now = self._clock()
        seen = self._seen.get(token_hash)
        if seen is not None and timedelta(0) <= now - seen.at < _SEEN_FOR:
            return seen.row
        row = await self._database.glance(personal_tokens.find, token_hash)
        if row is None or (self._is_decoy and await self._is_decoy(token_hash)):
            raise TokenBad
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[token_hash] = _Seen(now, row)
        return row

    async def _note_use(self, token_id: int) -> None:
        """Store when a token was last used, once a minute: not each request needs a write."""
        now = self._clock()
        last = self._used.get(token_id)
        if last is not None and timedelta(0) <= now - last < _USED_EVERY:
            return
        if len(self._used) >= _MOST_SEEN:
            self._used.clear()
        self._used[token_id] = now
        await self._database.write(personal_tokens.touch, token_id, now=now)

    def _store(
        self, connection: sa.Connection, user_id: int, wish: Wish, where: Where, token: Secret
    ) -> PersonalRow:
        now = self._clock()
        users.hold(connection, user_id)
        if personal_tokens.count(connection, user_id=user_id, now=now) >= MOST_TOKENS:
            raise Conflict(f"There are {MOST_TOKENS} tokens already: end some first.")
        token_id = store(connection, user_id, wish, where, token, now=now)
        row = personal_tokens.get(connection, token_id, user_id=user_id, now=now)
        facts = {"scopes": row.scope, "expires_at": row.expires_at.isoformat()}
        event = AuditEvent(AuditKind.TOKEN_MADE, user_id, public_id("pat", token_id), facts)
        self._audit.record(connection, event, now=now)
        return row

    def _end(self, connection: sa.Connection, token_id: int, user_id: int) -> PersonalRow:
        now = self._clock()
        row = personal_tokens.get(connection, token_id, user_id=user_id, now=now)
        sessions.end(connection, row.session_id, why=Ended.ENDED, now=now)
        event = AuditEvent(AuditKind.TOKEN_ENDED, user_id, public_id("pat", token_id))
        self._audit.record(connection, event, now=now)
        return row


def store(
    connection: sa.Connection,
    user_id: int,
    wish: Wish,
    where: Where,
    token: Secret,
    *,
    now: datetime,
) -> int:
    """Store a token with its session; return its number."""
    session: dict[str, object] = {
        "user_id": user_id,
        "scope": write_scopes(wish.scopes),
        "address": where.address,
        "agent": where.agent,
        "created_at": now,
        "used_at": now,
        "expires_at": now + timedelta(days=wish.days),
        "client_id": PERSONAL,
        "proved_at": None,
        "methods": "",
    }
    values = {
        "user_id": user_id,
        "session_id": sessions.create(connection, session),
        "name": wish.name,
        "token_hash": hash_token(token),
        "created_at": now,
    }
    return personal_tokens.create(connection, values)


def is_personal(token: str) -> bool:
    """Say whether a token wants to be a personal one."""
    return token.startswith(PREFIX)


def is_whole(token: str) -> bool:
    """Say whether a token's checksum is right: no letter of it is wrong or missing."""
    if not _WHOLE.fullmatch(token):
        return False
    content, check = token[:-_CHECK], token[-_CHECK:]
    return check == _checksum(content)


def written(number: int) -> Secret:
    """Return the token that 256 random bits are written as."""
    content = PREFIX + _in_digits(number, _LENGTH)
    return Secret(content + _checksum(content))


def _checksum(content: str) -> str:
    return _in_digits(zlib.crc32(content.encode()), _CHECK)


def _in_digits(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
