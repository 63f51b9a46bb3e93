"""Signing in a device that has no browser (RFC 8628; security.md C5).

The device is told two codes: a long one, with which it asks whether somebody agreed, and a short
one, which a person types on our page, on whatever machine their browser is. The short one is eight
of twenty consonants (20^8 of them; no vowels and so no words), good for ten minutes and
once. It is only ever typed: no address that we give out has it in it, so that nobody agrees by
following a link. Guesses are counted for each person, each address and all together.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import device_codes, users
from penstock.db.audit import AuditLog
from penstock.db.device_codes import DeviceRow
from penstock.db.lane import Database
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import NotFound, NotSignedIn, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.browsing import BrowserPerson
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.scopes import Scope, read_scopes, write_scopes
from penstock.identity.sessions import Where
from penstock.identity.throttle import Throttle
from penstock.vault.hashing import hash_token

LIFETIME: Final = timedelta(minutes=10)
PAUSE: Final = 5
"""Seconds that a device lets pass between two questions, until it is told to slow down."""

LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8

MOST_OF_ONE_ADDRESS: Final = 20
MOST_AT_ONCE: Final = 1000
_SLOWER_BY: Final = 5
_KEPT_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DeviceBegun:
    """What a device is told: `device_code` for itself, `user_code` to show. Times in seconds."""

    device_code: Secret
    user_code: str
    expires_in: int
    interval: int


class DeviceRefused(NotSignedIn):
    """The device gets no tokens, or not yet; `code` is the `error` of RFC 8628 §3.5."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_ANSWERS: Final = {
    "authorization_pending": "Nobody has decided yet: ask again.",
    "slow_down": "You ask too often: wait five seconds longer each time.",
    "access_denied": "The person said no.",
    "expired_token": "The codes are over: begin again.",
    "invalid_grant": "The device code is not good, or not any more.",
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """A person agreed: whose session begins now, and what for."""

    user: UserRow
    purpose: Purpose


class Devices:
    """The devices that wait. `key` is at least 32 bytes that are not in the database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        throttle: Throttle,
        audit: AuditLog,
        *,
        key: bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._audit = audit
        self._key = hmac.digest(key, b"device user codes", hashlib.sha256)

    async def begin(
        self,
        client_id: str,
        scopes: frozenset[Scope],
        where: Where,
        key_thumbprint: str | None = None,
    ) -> DeviceBegun:
        """Let a device wait for a person. With a key, only who has it gets the tokens later.

        Raises TooManyAttempts.
        """
        begun = DeviceBegun(
            Secret(f"psdev_{secrets.token_urlsafe(32)}"),
            _new_code(),
            int(LIFETIME.total_seconds()),
            PAUSE,
        )
        wanted = Purpose(scopes, client_id, (), key_thumbprint)
        await self._database.write(self._store, begun, wanted, where)
        return begun

    async def look_up(self, typed: str, *, user_id: int, address: str) -> DeviceRow:
        """Return the device that waits with the code that a person typed.

        Raises NotFound, and TooManyAttempts to whoever guesses.
        """
        attempt = await self._database.write(
            self._throttle.begin_code, user_id=user_id, address=address, now=self._clock()
        )
        row = await self._database.read(
            device_codes.find_waiting, self._hash(typed), now=self._clock()
        )
        if row is None:
            raise NotFound("No device waits with that code. Look at the code again.")
        await self._database.write(self._throttle.succeed, attempt, now=self._clock())
        return row

    async def decide(
        self, typed: str, person: BrowserPerson, *, address: str, allowed: bool
    ) -> DeviceRow:
        """Say yes or no to the device with this code; it is as proved as the person's own session.

        Raises NotFound where it waits no more, TooManyAttempts.
        """
        row = await self.look_up(typed, user_id=person.user_id, address=address)
        decided = replace(
            row,
            user_id=person.user_id,
            methods=person.methods,
            proved_at=person.proved_at,
            allowed=allowed,
        )
        await self._database.write(self._decide, decided)
        return decided

    async def ask(self, device_code: Secret, presenter: Presenter) -> Agreed:
        """Return whose session begins now: once. Raises DeviceRefused."""
        said = await self._database.write(self._ask, hash_token(device_code), presenter)
        if isinstance(said, str):
            raise DeviceRefused(said, _ANSWERS[said])
        return said

    def _store(
        self, connection: sa.Connection, begun: DeviceBegun, wanted: Purpose, where: Where
    ) -> None:
        now = self._clock()
        device_codes.delete_old(connection, now=now, kept_for=_KEPT_FOR)
        of_one = device_codes.count_waiting(connection, now=now, address=where.address)
        if (
            of_one >= MOST_OF_ONE_ADDRESS
            or device_codes.count_waiting(connection, now=now) >= MOST_AT_ONCE
        ):
            raise TooManyAttempts("Too many devices wait already.", retry_after=60)
        device_codes.create(
            connection,
            {
                "device_hash": hash_token(begun.device_code),
                "code_hash": self._hash(begun.user_code),
                "client_id": wanted.client_id,
                "scope": write_scopes(wanted.scopes),
                "key_thumbprint": wanted.key_thumbprint,
                "address": where.address,
                "agent": where.agent,
                "created_at": now,
                "expires_at": now + LIFETIME,
                "pause": PAUSE,
            },
        )

    def _decide(self, connection: sa.Connection, row: DeviceRow) -> None:
        if not device_codes.decide(connection, row):
            raise NotFound("Somebody has decided about that device already.")
        kind = AuditKind.DEVICE_APPROVED if row.allowed else AuditKind.DEVICE_REFUSED
        facts = {"client": row.client_id, "scopes": row.scope, "address": row.address}
        event = AuditEvent(kind, row.user_id, facts=facts)
        self._audit.record(connection, event, now=self._clock())

    def _ask(
        self, connection: sa.Connection, device_hash: str, presenter: Presenter
    ) -> Agreed | str:
        now = self._clock()
        row = device_codes.hold(connection, device_hash)
        if row is None or row.used_at is not None or not _is_its_own(row, presenter):
            return "invalid_grant"
        if row.expires_at <= now:
            return "expired_token"
        if row.allowed is None:
            return _wait(connection, row, now=now)
        device_codes.use(connection, row.id, now=now)
        if not row.allowed or row.user_id is None:
            return "access_denied"
        user = users.get(connection, row.user_id)
        if user.disabled_at is not None:
            return "access_denied"
        key = row.key_thumbprint or presenter.key_thumbprint
        methods = tuple((row.methods or "").split())
        scopes = read_scopes(row.scope)
        purpose = Purpose(scopes, row.client_id, methods, key, row.proved_at)
        return Agreed(user, purpose)

    def _hash(self, typed: str) -> str:
        """Hash a user code under a key: it is short enough to be guessed from a plain hash."""
        letters = "".join(one for one in typed.upper()[:100] if one.isalnum())
        content = letters.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, content, hashlib.sha256).hex()


def _wait(connection: sa.Connection, row: DeviceRow, *, now: datetime) -> str:
    """Say that nobody decided yet, or that the device asks too often, which slows it down."""
    too_soon = row.asked_at is not None and now - row.asked_at < timedelta(seconds=row.pause)
    pause = row.pause + _SLOWER_BY if too_soon else row.pause
    device_codes.note_question(connection, row.id, now=now, pause=pause)
    return "slow_down" if too_soon else "authorization_pending"


def _new_code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def _is_its_own(row: DeviceRow, presenter: Presenter) -> bool:
    key = row.key_thumbprint
    return row.client_id == presenter.client_id and key in (None, presenter.key_thumbprint)
