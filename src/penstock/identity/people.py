"""The people of an installation: who they are, who may look after the others, who is invited.

There is always an admin who can sign in: the last one cannot be disabled, nor made a member.
Disabling somebody, and changing a password, ends everything that lets them in, at once (R6).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from penstock.db import invitations, users
from penstock.db.ending import end_everything
from penstock.db.invitations import InvitationRow
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity import setup
from penstock.identity.caller import Caller
from penstock.identity.decoys import Bait, Marks
from penstock.identity.ground import Ground
from penstock.identity.passwords import check_new
from penstock.identity.sessions import Ended
from penstock.identity.usernames import known_username, new_username
from penstock.vault.hashing import hash_token

INVITED_FOR: Final = timedelta(days=7)
_TOKEN_BYTES: Final = 32


class Role(StrEnum):
    """What somebody may do to others here: a member nothing, an admin look after people."""

    ADMIN = "admin"
    MEMBER = "member"


class InvitationOver(NotFound):
    """This invitation is not good, or not any more: ask for a new one."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation; `token` goes into `/invitation?link=`."""

    id: int
    token: Secret
    expires_at: datetime


class People:
    """Looks after people."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._decoys = Marks(ground.audit)

    async def page(self, *, after: int = 0, limit: int = 100) -> list[UserRow]:
        """Return people in the order in which they were added; who never was is not shown."""
        return await self._ground.database.read(self._page, after, limit)

    async def get(self, user_id: int) -> UserRow:
        """Return a person. Raises NotFound."""
        return await self._ground.database.read(self._get, user_id)

    async def named(self, username: str) -> UserRow:
        """Return the person of this name. Raises NotFound."""
        user = await self._ground.database.read(users.find, known_username(username))
        if user is None:
            raise NotFound("There is nobody of that name.")
        return user

    async def set_role(self, user_id: int, role: Role) -> UserRow:
        """Make a person an admin or a member. Raises NotFound, Conflict for the last admin.

        Whoever becomes a member is signed out everywhere: their tokens were an admin's.
        """
        return await self._change(self._set_role, user_id, role)

    async def disable(self, user_id: int) -> UserRow:
        """Let a person in no more. Raises NotFound, Conflict for the last admin."""
        return await self._change(self._disable, user_id)

    async def enable(self, user_id: int) -> UserRow:
        """Let a person in again: they sign in as before. Raises NotFound."""
        return await self._change(self._enable, user_id)

    async def change_password(self, caller: Caller, new: Secret) -> None:
        """Replace the password of a caller who proved the present one. Raises PasswordRefused."""
        check_new(new, caller.username)
        password_hash = await self._ground.passwords.hash(new)
        ended = await self._ground.database.write(self._set_password, caller, password_hash)
        self._ground.live.forget(ended)

    async def invite(self, caller: Caller, role: Role, note: str) -> Invited:
        """Return a new invitation, good for a week and for one person."""
        token = Secret(secrets.token_urlsafe(_TOKEN_BYTES))
        return await self._ground.database.write(self._invite, caller, role, note, token)

    async def invitations(self, *, after: int = 0, limit: int = 100) -> list[InvitationRow]:
        """Return the invitations that are good."""
        now = self._ground.clock()
        return await self._ground.database.read(invitations.page, now=now, after=after, limit=limit)

    async def withdraw(self, invitation_id: int) -> None:
        """Make an invitation worth nothing. Raises NotFound."""
        await self._ground.database.write(self._withdraw, invitation_id)

    async def check_invitation(self, token: Secret) -> InvitationRow:
        """Return the invitation with this token. Raises InvitationOver."""
        return await self._ground.database.read(self._invitation, token)

    async def accept(self, token: Secret, username: str, password: Secret) -> int:
        """Make the person who was invited. Raises InvitationOver, InvalidInput, Conflict."""
        await self.check_invitation(token)
        name = new_username(username)
        check_new(password, name)
        password_hash = await self._ground.passwords.hash(password)
        return await self._ground.database.write(self._accept, token, name, password_hash)

    def _page(self, connection: sa.Connection, after: int, limit: int) -> list[UserRow]:
        found = users.page(connection, after=after, limit=limit + 1)
        real = [row for row in found if not self._decoys.has(connection, Bait.PERSON, str(row.id))]
        return real[:limit]

    async def _change(self, work: Callable[..., list[int]], user_id: int, *more: object) -> UserRow:
        ended = await self._ground.database.write(work, user_id, *more)
        self._ground.live.forget(ended)
        return await self._ground.database.read(users.get, user_id)

    def _get(self, connection: sa.Connection, user_id: int) -> UserRow:
        if self._decoys.has(connection, Bait.PERSON, str(user_id)):
            raise NotFound("There is no such person.")
        return users.get(connection, user_id)

    def _set_role(self, connection: sa.Connection, user_id: int, role: Role) -> list[int]:
        users.lock_all(connection)
        user = self._get(connection, user_id)
        if user.role == role:
            return []
        if role is Role.MEMBER:
            _check_not_last(connection, user)
        users.set_role(connection, user_id, role)
        ended = self._end(connection, user_id, Ended.ROLE) if role is Role.MEMBER else []
        self._note(connection, AuditKind.ROLE_CHANGED, user_id, role=role)
        return ended

    def _disable(self, connection: sa.Connection, user_id: int) -> list[int]:
        users.lock_all(connection)
        _check_not_last(connection, self._get(connection, user_id))
        users.disable(connection, user_id, now=self._ground.clock())
        ended = self._end(connection, user_id, Ended.DISABLED)
        self._note(connection, AuditKind.PERSON_DISABLED, user_id, sessions_ended=str(len(ended)))
        return ended

    def _enable(self, connection: sa.Connection, user_id: int) -> list[int]:
        self._get(connection, user_id)
        users.enable(connection, user_id)
        self._note(connection, AuditKind.PERSON_ENABLED, user_id)
        return []

    def _set_password(
        self, connection: sa.Connection, caller: Caller, password_hash: str
    ) -> list[int]:
        users.set_password(connection, caller.user_id, password_hash)
        ended = self._end(connection, caller.user_id, Ended.PASSWORD, keep=caller.session_id)
        self._note(
            connection, AuditKind.PASSWORD_CHANGED, caller.user_id, sessions_ended=str(len(ended))
        )
        return ended

    def _invite(
        self, connection: sa.Connection, caller: Caller, role: Role, note: str, token: Secret
    ) -> Invited:
        now = self._ground.clock()
        values: dict[str, object] = {
            "user_id": caller.user_id,
            "token_hash": hash_token(token),
            "role": role.value,
            "note": note,
            "created_at": now,
            "expires_at": now + INVITED_FOR,
        }
        number = invitations.create(connection, values, now=now)
        event = AuditEvent(
            AuditKind.PERSON_INVITED, None, public_id("inv", number), {"role": role.value}
        )
        self._ground.audit.record(connection, event, now=now)
        return Invited(number, token, now + INVITED_FOR)

    def _withdraw(self, connection: sa.Connection, invitation_id: int) -> None:
        invitations.withdraw(connection, invitation_id)
        event = AuditEvent(AuditKind.INVITATION_WITHDRAWN, None, public_id("inv", invitation_id))
        self._ground.audit.record(connection, event, now=self._ground.clock())

    def _invitation(self, connection: sa.Connection, token: Secret) -> InvitationRow:
        now = self._ground.clock()
        row = invitations.find(connection, hash_token(token), now=now)
        if row is None:
            raise InvitationOver
        return row

    def _accept(
        self, connection: sa.Connection, token: Secret, username: str, password_hash: str
    ) -> int:
        users.lock_all(connection)  # before the invitation, as whoever disables its maker does
        row = self._invitation(connection, token)
        if not invitations.use(connection, row.id):
            raise InvitationOver
        now = self._ground.clock()
        user_id = setup.add_user(
            connection, username=username, password_hash=password_hash, now=now, role=row.role
        )
        self._note(connection, AuditKind.PERSON_ADDED, user_id, role=row.role)
        return user_id

    def _end(
        self, connection: sa.Connection, user_id: int, why: Ended, keep: int | None = None
    ) -> list[int]:
        now = self._ground.clock()
        return end_everything(connection, user_id, why=why, now=now, keep=keep)

    def _note(self, connection: sa.Connection, kind: AuditKind, user_id: int, **facts: str) -> None:
        event = AuditEvent(kind, user_id, public_id("usr", user_id), facts)
        self._ground.audit.record(connection, event, now=self._ground.clock())


def _check_not_last(connection: sa.Connection, user: UserRow) -> None:
    if user.role == Role.ADMIN and users.admins(connection) == [user.id]:
        raise Conflict("That is the last admin: make somebody else one first.")
