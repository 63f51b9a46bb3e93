"""Proving once more who one is, before something that matters (security.md L9, RFC 9470)."""

import sqlalchemy as sa

from penstock.db import sessions, users
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.factors import Factors
from penstock.identity.ground import Ground
from penstock.identity.passwords import is_plausible


class Proving:
    """Renews a session's proof."""

    def __init__(self, ground: Ground, factors: Factors) -> None:
        self._ground = ground
        self._factors = factors

    async def prove(self, caller: Caller, password: Secret, code: Secret | None) -> bool:
        """Say whether the caller gave their password, and a code where they have a factor.

        Their session counts as proved a moment ago then. Raises FactorNeeded, FactorRefused,
        TooManyAttempts: guessing through a stolen token waits like any other.
        """
        user = await self.check_password(caller, password)
        if user is None:
            return False
        where = f"session:{caller.session_id}"
        methods = await self._factors.methods(user, code, where)
        await self._ground.database.write(self._prove, caller, " ".join(methods))
        self._ground.live.forget([caller.session_id])
        return True

    async def check_password(self, caller: Caller, password: Secret) -> UserRow | None:
        """Return who is calling if this is their password. Raises TooManyAttempts."""
        ground = self._ground
        where = f"session:{caller.session_id}"
        attempt = await ground.database.write(
            ground.throttle.begin, username=caller.username, address=where, now=ground.clock()
        )
        user = await ground.database.read(users.get, caller.user_id)
        right = is_plausible(password) and await ground.passwords.matches(
            password, user.password_hash
        )
        if not right:
            await ground.database.write(self._refused, caller)
            return None
        await ground.database.write(ground.throttle.succeed, attempt, now=ground.clock())
        return user

    def _refused(self, connection: sa.Connection, caller: Caller) -> None:
        subject = public_id("ses", caller.session_id)
        event = AuditEvent(AuditKind.STEP_UP_REFUSED, caller.user_id, subject)
        self._ground.audit.record(connection, event, now=self._ground.clock())

    def _prove(self, connection: sa.Connection, caller: Caller, methods: str) -> None:
        now = self._ground.clock()
        sessions.prove(connection, caller.session_id, methods=methods, now=now)
        subject = public_id("ses", caller.session_id)
        event = AuditEvent(AuditKind.STEPPED_UP, caller.user_id, subject, {"methods": methods})
        self._ground.audit.record(connection, event, now=now)
