"""Decoys: rows that look like anybody's, open nothing, and raise an alarm when somebody uses them.

Whoever holds a copy of the database finds among its people one who never was, with a session, its
refresh token, and a connection that was left behind. Nothing in the tables tells them from others:
which they are is known by marks under a key that no copy has open. They are used by those only who
read them there, so each use says that the database was copied:

- somebody tries to sign in under that person's name, which nobody else was ever told;
- the refresh token comes in, which stands in clear where programs leave such things by mistake, or
  its hash, from somebody who takes the stored value for the token itself;
- a personal access token comes in, which stands in clear in such a place too;
- the bank's token is used at the address it is for, which is our own: then the key was copied too.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import bcrypt
import sqlalchemy as sa

from penstock.db import decoys as stored
from penstock.db import personal_tokens, refresh_tokens, users
from penstock.db.audit import AuditLog, find_key
from penstock.db.lane import Database, after_commit
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict
from penstock.domain.secret import Secret
from penstock.identity import personal, sessions, setup
from penstock.identity.passwords import COST
from penstock.identity.personal import Wish
from penstock.identity.purpose import Purpose
from penstock.identity.refreshing import RefreshTokens
from penstock.identity.scopes import ALL
from penstock.identity.sessions import Where
from penstock.observe.log import get_logger
from penstock.vault.chain import BEGINNING, derived, link
from penstock.vault.hashing import hash_token

Entropy = Callable[[int], bytes]

_NAMES: Final = (
    "anton bea carla david emil flora greta henri ines jonas karin lukas marta nils".split()
)
_SCRIPT: Final = "nightly export"
_DIGITS: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_HASH_DIGITS: Final = 31
_RENEWED_BEFORE: Final = timedelta(days=7)
_log = get_logger("penstock.decoys")


class Bait(StrEnum):
    """What a decoy is taken for."""

    PERSON = "person"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name, no token
    PERSONAL_TOKEN = "personal_token"  # noqa: S105 - a name, no token
    BANK_TOKEN = "bank_token"  # noqa: S105 - a name, no token


class LeftBehind(Protocol):
    """Plants a connection that looks left behind (engine/bait.py)."""

    def plant(self, connection: sa.Connection, owner_id: int, *, now: datetime) -> Secret | None:
        """Make it, if it is not there yet; return the secret of what opens it, if that is new."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Which rows are decoys: known to whoever has the key of the audit log."""

    audit: AuditLog

    def has(self, connection: sa.Connection, bait: Bait, value: str) -> bool:
        """Say whether this value is a decoy's: a person's number, a token's hash, a password."""
        if find_key(connection) is None:
            return False
        return stored.is_marked(connection, self._mark(connection, bait, value))

    def person(self, connection: sa.Connection) -> int | None:
        """Return the number of the person who never was, if they were planted."""
        for number in connection.execute(sa.select(users.users.c.id)).scalars():
            if self.has(connection, Bait.PERSON, str(number)):
                return int(number)
        return None

    def add(self, connection: sa.Connection, bait: Bait, value: str) -> None:
        """Remember a decoy."""
        stored.add(connection, self._mark(connection, bait, value))

    def _mark(self, connection: sa.Connection, bait: Bait, value: str) -> str:
        return link(derived(self.audit.key(connection), "decoys"), BEGINNING, (bait.value, value))


@dataclass(frozen=True, slots=True)
class Decoys:
    """Plants decoys, and knows them. `told` counts a use by its kind."""

    database: Database
    audit: AuditLog
    clock: Clock
    told: Callable[[str], None]
    left_behind: LeftBehind | None = None
    entropy: Entropy = secrets.token_bytes

    @property
    def marks(self) -> Marks:
        """Which rows are decoys."""
        return Marks(self.audit)

    async def plant(self) -> None:
        """Plant what is missing, once there is anybody to hide among; it may be called again."""
        await self.database.write(self._plant)

    async def caught(self, bait: Bait, value: str) -> bool:
        """Say whether a decoy is being used, and raise the alarm if so. Others cost a read only."""
        if not await self.database.read(self.marks.has, bait, value):
            return False
        return await self.database.write(self.touched, bait, value)

    def touched(self, connection: sa.Connection, bait: Bait, value: str) -> bool:
        """Do what `caught` does within the open transaction, as its last statement."""
        if not self.marks.has(connection, bait, value):
            return False
        event = AuditEvent(AuditKind.DECOY_TOUCHED, facts={"what": bait.value})
        self.audit.record(connection, event, now=self.clock())
        after_commit(connection, lambda: self._alarm(bait))
        return True

    def _alarm(self, bait: Bait) -> None:
        self.told(bait.value)
        _log.warning("decoy_touched", what=bait.value)

    def _plant(self, connection: sa.Connection) -> None:
        if not users.any_exist(connection):
            return
        stored.lock(connection)
        now = self.clock()
        user_id = self.marks.person(connection) or self._make_person(connection, now)
        if not refresh_tokens.any_good(connection, user_id, at=now + _RENEWED_BEFORE):
            self._sign_in(connection, user_id, now)
        if not personal_tokens.count(connection, user_id=user_id, now=now + _RENEWED_BEFORE):
            self._make_token(connection, user_id, now)
        if self.left_behind is not None:
            secret = self.left_behind.plant(connection, user_id, now=now)
            if secret is not None:
                self.marks.add(connection, Bait.BANK_TOKEN, secret.reveal())

    def _make_person(self, connection: sa.Connection, now: datetime) -> int:
        """Add somebody whose password nobody knows: the hash is of none."""
        tail = "".join(_DIGITS[byte % len(_DIGITS)] for byte in self.entropy(_HASH_DIGITS))
        password_hash = bcrypt.gensalt(COST).decode() + tail
        while True:
            first, *others = self.entropy(3)
            name = f"{_NAMES[first % len(_NAMES)]}{int.from_bytes(bytes(others)) % 9000 + 1000}"
            try:
                made = setup.add_user(
                    connection, username=name, password_hash=password_hash, now=now
                )
            except Conflict:
                continue
            self.marks.add(connection, Bait.PERSON, str(made))
            return made

    def _make_token(self, connection: sa.Connection, user_id: int, now: datetime) -> None:
        """Make a personal access token, which lies about in clear as well."""
        token = personal.written(int.from_bytes(self.entropy(32)))
        low, high = self.entropy(2)
        where = Where(f"10.0.{low}.{high}", f"python-requests/2.32 Bearer {token.reveal()}")
        wish = Wish(_SCRIPT, ALL, personal.DAYS)
        personal.store(connection, user_id, wish, where, token, now=now)
        self.marks.add(connection, Bait.PERSONAL_TOKEN, hash_token(token))

    def _sign_in(self, connection: sa.Connection, user_id: int, now: datetime) -> None:
        """Begin a session; its token lies about in clear, where a program may have put it."""
        token = RefreshTokens(self.entropy(32), self.entropy).first()
        agent = f"curl/8.5.0 --data refresh_token={token.reveal()}"
        low, high = self.entropy(2)
        where = Where(f"10.0.{low}.{high}", agent)
        sessions.begin(
            connection, user_id=user_id, purpose=Purpose(), where=where, token=token, now=now
        )
        self.marks.add(connection, Bait.REFRESH_TOKEN, hash_token(token))
