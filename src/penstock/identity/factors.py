"""The second factor: codes of an authenticator, and recovery codes (security.md L6).

A code counts once: the last time step that was used is stored, and of any number of requests with
the same code at the same moment the database lets one through. Recovery codes are stored as keyed
hashes, and deleted when they are used. Guesses are counted like passwords (throttle.py).
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import factors, recovery_codes, users
from penstock.db.ending import end_everything
from penstock.db.factors import FactorRow
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.errors import Conflict, NotFound, NotSignedIn
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.ground import Ground
from penstock.identity.one_time import (
    is_totp,
    matching_step,
    new_recovery_codes,
    new_totp_secret,
    plain,
    totp_uri,
)
from penstock.identity.sessions import Ended
from penstock.identity.throttle import Attempt
from penstock.identity.usernames import known_username
from penstock.vault.cipher import Place

TOTP: Final = "totp"
PASSKEY: Final = "passkey"
WITH_CODE: Final = ("pwd", "otp", "mfa")
"""How somebody proved who they are by a password and a code (RFC 8176)."""

_MOST: Final = 20
_MOST_CHARACTERS: Final = 100


class FactorNeeded(NotSignedIn):
    """The password is right; a code of your authenticator, or a recovery code, is needed too."""


class FactorRefused(NotSignedIn):
    """That code is not good, or was used already."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A TOTP that was begun: its secret goes into the authenticator, which then shows a code."""

    factor_id: int
    secret: Secret
    uri: Secret


class Factors:
    """Adds, asks for and removes what proves who somebody is besides the password."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._key = ground.key("recovery codes")

    async def of(self, user_id: int) -> list[FactorRow]:
        """Return a person's factors, those that count."""
        return await self._ground.database.read(factors.of, user_id)

    async def codes_left(self, user_id: int) -> int:
        """Return how many recovery codes a person has left."""
        return await self._ground.database.read(recovery_codes.count, user_id)

    async def methods(self, user: UserRow, code: Secret | None, address: str) -> tuple[str, ...]:
        """Return how a person whose password was right has proved who they are.

        Raises FactorNeeded where they have a factor and gave no code, FactorRefused,
        TooManyAttempts.
        """
        if not await self.of(user.id):
            return ("pwd",)
        if code is None:
            raise FactorNeeded
        await self.check(user, code, address)
        return WITH_CODE

    async def check(self, user: UserRow, code: Secret, address: str) -> None:
        """Use up a person's code. Raises FactorRefused, TooManyAttempts."""
        ground, now = self._ground, self._ground.clock()
        attempt = await ground.database.write(
            ground.throttle.begin_factor, username=user.username, address=address, now=now
        )
        text = plain(code.reveal()) if len(code.reveal()) <= _MOST_CHARACTERS else ""
        if not text or not await ground.database.write(self._use, user.id, text, attempt):
            raise FactorRefused

    async def begin_totp(self, caller: Caller, name: str, issuer: str) -> Begun:
        """Begin a TOTP, in place of one that was begun and never confirmed."""
        secret = new_totp_secret()
        number = await self._ground.database.write(self._begin_totp, caller, name, secret)
        return Begun(number, secret, totp_uri(secret, caller.username, issuer))

    async def confirm_totp(self, caller: Caller, factor_id: int, code: Secret) -> list[Secret]:
        """Let a TOTP count from now on, if this is its code; return recovery codes with the first.

        All other sessions of the person end (R6). Raises NotFound, FactorRefused.
        """
        codes, ended = await self._ground.database.write(self._confirm, caller, factor_id, code)
        self._ground.live.forget(ended)
        return codes

    async def remove(self, user_id: int, session_id: int, factor_id: int) -> None:
        """Forget a factor, and the recovery codes with the last; other sessions end (R6)."""
        ended = await self._ground.database.write(self._remove, user_id, session_id, factor_id)
        self._ground.live.forget(ended)

    async def renew_codes(self, user_id: int, session_id: int) -> list[Secret]:
        """Return new recovery codes; those from before are worth nothing. Raises Conflict."""
        codes, ended = await self._ground.database.write(self._renew, user_id, session_id)
        self._ground.live.forget(ended)
        return codes

    async def reset(self, username: str) -> int:
        """Forget all factors of a person who lost them; return how many. Raises NotFound."""
        number, ended = await self._ground.database.write(self._reset, known_username(username))
        self._ground.live.forget(ended)
        return number

    def added(
        self, connection: sa.Connection, row: FactorRow, session_id: int, now: datetime
    ) -> tuple[list[Secret], list[int]]:
        """Do what follows when a factor counts: recovery codes with the first, all else ends."""
        first = len(factors.of(connection, row.user_id)) == 1
        codes = self._give_codes(connection, row.user_id, now) if first else []
        ended = self._end(connection, row.user_id, now, session_id)
        self._note(connection, AuditKind.FACTOR_ADDED, row.user_id, row, now)
        return codes, ended

    def _begin_totp(
        self, connection: sa.Connection, caller: Caller, name: str, secret: Secret
    ) -> int:
        users.hold(connection, caller.user_id)
        factors.delete_unconfirmed(connection, caller.user_id)
        _check_room(connection, caller.user_id)
        now = self._ground.clock()
        values = {"user_id": caller.user_id, "kind": TOTP, "name": name, "created_at": now}
        number = factors.create(connection, values)
        sealed = self._ground.cipher.seal(secret, _place(caller.user_id, number))
        factors.seal(connection, number, sealed)
        return number

    def _confirm(
        self, connection: sa.Connection, caller: Caller, factor_id: int, code: Secret
    ) -> tuple[list[Secret], list[int]]:
        now = self._ground.clock()
        users.hold(connection, caller.user_id)
        row = factors.get(connection, factor_id, user_id=caller.user_id)
        if row.kind != TOTP or row.confirmed_at is not None:
            raise NotFound("There is no such factor that waits for its first code.")
        step = matching_step(self._open(row), plain(code.reveal()), now)
        if step is None or not factors.use_step(connection, row.id, step, now=now):
            raise FactorRefused("That is not the code that the authenticator shows now.")
        factors.confirm(connection, row.id, now=now)
        return self.added(connection, row, caller.session_id, now)

    def _use(self, connection: sa.Connection, user_id: int, code: str, attempt: Attempt) -> bool:
        now = self._ground.clock()
        by_totp = is_totp(code) and self._use_totp(connection, user_id, code, now)
        by_recovery = not by_totp and recovery_codes.use(connection, user_id, self._hash(code))
        if by_totp or by_recovery:
            self._ground.throttle.succeed(connection, attempt, now=now)
        if not by_totp:
            kind = AuditKind.RECOVERY_USED if by_recovery else AuditKind.SIGN_IN_REFUSED
            self._note(connection, kind, user_id, None, now)
        return by_totp or by_recovery

    def _use_totp(self, connection: sa.Connection, user_id: int, code: str, now: datetime) -> bool:
        for row in factors.of(connection, user_id, TOTP):
            step = matching_step(self._open(row), code, now)
            if step is not None and factors.use_step(connection, row.id, step, now=now):
                return True
        return False

    def _remove(
        self, connection: sa.Connection, user_id: int, session_id: int, factor_id: int
    ) -> list[int]:
        now = self._ground.clock()
        users.hold(connection, user_id)
        row = factors.get(connection, factor_id, user_id=user_id)
        factors.delete(connection, row.id)
        if not factors.of(connection, user_id):
            recovery_codes.replace(connection, user_id, [], now=now)
        ended = self._end(connection, user_id, now, session_id)
        self._note(connection, AuditKind.FACTOR_REMOVED, user_id, row, now)
        return ended

    def _renew(
        self, connection: sa.Connection, user_id: int, session_id: int
    ) -> tuple[list[Secret], list[int]]:
        now = self._ground.clock()
        users.hold(connection, user_id)
        if not factors.of(connection, user_id):
            raise Conflict("Recovery codes stand in for a second factor: add one first.")
        codes = self._give_codes(connection, user_id, now)
        ended = self._end(connection, user_id, now, session_id)
        self._note(connection, AuditKind.RECOVERY_RENEWED, user_id, None, now)
        return codes, ended

    def _reset(self, connection: sa.Connection, username: str) -> tuple[int, list[int]]:
        now = self._ground.clock()
        user = users.find(connection, username)
        if user is None:
            raise NotFound("There is nobody of that name.")
        number = factors.delete_all(connection, user.id)
        recovery_codes.replace(connection, user.id, [], now=now)
        ended = self._end(connection, user.id, now, None)
        self._note(connection, AuditKind.FACTOR_REMOVED, user.id, None, now)
        return number, ended

    def _give_codes(self, connection: sa.Connection, user_id: int, now: datetime) -> list[Secret]:
        codes = new_recovery_codes()
        hashes = [self._hash(plain(one.reveal())) for one in codes]
        recovery_codes.replace(connection, user_id, hashes, now=now)
        return codes

    def _end(
        self, connection: sa.Connection, user_id: int, now: datetime, keep: int | None
    ) -> list[int]:
        return end_everything(connection, user_id, why=Ended.FACTOR, now=now, keep=keep)

    def _note(
        self,
        connection: sa.Connection,
        kind: AuditKind,
        user_id: int,
        row: FactorRow | None,
        now: datetime,
    ) -> None:
        subject = public_id("fac", row.id) if row else public_id("usr", user_id)
        facts = {"kind": row.kind} if row else {}
        self._ground.audit.record(connection, AuditEvent(kind, user_id, subject, facts), now=now)

    def _open(self, row: FactorRow) -> Secret:
        return self._ground.cipher.open(row.sealed or "", _place(row.user_id, row.id))

    def _hash(self, code: str) -> str:
        content = code.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()


def _check_room(connection: sa.Connection, user_id: int) -> None:
    if len(factors.of(connection, user_id)) >= _MOST:
        raise Conflict(f"A person has at most {_MOST} factors: remove one first.")


def _place(user_id: int, factor_id: int) -> Place:
    return Place(f"user:{user_id}", f"factor:{factor_id}", "secret")
