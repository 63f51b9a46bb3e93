"""What is done to people and their sessions: each deed whole in one transaction, with its record.

The record (db/audit.py) is the last statement of its transaction.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from penstock.db import sessions as stored_sessions
from penstock.db.audit import AuditLog
from penstock.db.users import UserRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity import sessions, setup
from penstock.identity.decoys import Bait, Decoys
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.refreshing import RefreshTokens
from penstock.identity.scopes import Scope
from penstock.identity.sessions import Ended, Reused, Rotated, Where, granted
from penstock.identity.throttle import Attempt, Throttle
from penstock.identity.tokens import Grant
from penstock.vault.hashing import hash_token


@dataclass(frozen=True, slots=True)
class Deeds:
    """What `Identity` does in the database."""

    clock: Clock
    throttle: Throttle
    tokens: RefreshTokens
    audit: AuditLog
    decoys: Decoys | None = None

    def begin(
        self,
        connection: sa.Connection,
        user: UserRow,
        purpose: Purpose,
        where: Where,
        token: Secret,
    ) -> int:
        """Begin a session; return its number. Raises SignInRefused."""
        now, user_id = self.clock(), user.id
        sessions.check_same(connection, user)
        session_id = sessions.begin(
            connection,
            user_id=user_id,
            purpose=purpose,
            where=where,
            token=token,
            now=now,
        )
        facts = {"client": purpose.client_id, "methods": " ".join(purpose.methods)}
        kind = AuditKind.SIGNED_IN
        self._note(connection, kind, user_id, public_id("ses", session_id), **facts)
        return session_id

    def refused(
        self, connection: sa.Connection, attempt: Attempt, user: UserRow | None, *, right: bool
    ) -> None:
        """Write down a refusal; never what was typed, which may be a password in a wrong field."""
        if self.decoys and user and self.decoys.touched(connection, Bait.PERSON, str(user.id)):
            return
        why = "disabled" if right else "wrong password" if user else "unknown name"
        facts = {"why": why, "name_and_network": attempt.pair[:16]}
        event = AuditEvent(
            AuditKind.SIGN_IN_REFUSED,
            user.id if user else None,
            public_id("usr", user.id) if user else "",
            facts,
        )
        self.audit.record(connection, event, now=self.clock())

    def rotate(
        self,
        connection: sa.Connection,
        token: Secret,
        presenter: Presenter,
        scopes: frozenset[Scope] | None,
    ) -> tuple[Grant, Secret] | Reused | None:
        """Use a refresh token up, and return what its successor is for; see sessions.rotate."""
        if self._is_decoy(connection, token):
            return None
        done = sessions.rotate(connection, token, presenter, self.tokens, now=self.clock())
        if isinstance(done, Reused) and done.ended:
            subject = public_id("ses", done.session_id)
            self._note(connection, AuditKind.REFRESH_REUSED, done.user_id, subject)
        if not isinstance(done, Rotated):
            return done
        return granted(done.session, presenter, scopes), done.token

    def end(self, connection: sa.Connection, session_id: int, user_id: int, why: Ended) -> None:
        """End one of a person's sessions, if it has not ended yet. Raises NotFound."""
        row = stored_sessions.get(connection, session_id, user_id=user_id)
        if row.ended_at is not None:
            return
        stored_sessions.end(connection, session_id, why=why, now=self.clock())
        by_itself = why is Ended.SIGNED_OUT
        kind = AuditKind.SIGNED_OUT if by_itself else AuditKind.SESSION_ENDED
        self._note(connection, kind, user_id, public_id("ses", session_id), why=why.value)

    def add(
        self, connection: sa.Connection, name: str, password_hash: str, link: Secret | None = None
    ) -> int:
        """Make a person; with a set-up link the first one."""
        now = self.clock()
        if link is None:
            made = setup.add_user(connection, username=name, password_hash=password_hash, now=now)
        else:
            made = setup.finish(
                connection, link, username=name, password_hash=password_hash, now=now
            )
        facts = {"by": "set-up link" if link else "command"}
        self._note(connection, AuditKind.PERSON_ADDED, made, public_id("usr", made), **facts)
        return made

    def _is_decoy(self, connection: sa.Connection, token: Secret) -> bool:
        """Say whether it is a decoy, or what is stored of one: its hash, taken for the token."""
        values = (hash_token(token), token.reveal())
        return self.decoys is not None and any(
            self.decoys.touched(connection, Bait.REFRESH_TOKEN, one) for one in values
        )

    def _note(
        self, connection: sa.Connection, kind: AuditKind, user_id: int, subject: str, **facts: str
    ) -> None:
        """Write down what the open transaction did, as its last statement."""
        event = AuditEvent(kind, user_id, subject, facts)
        self.audit.record(connection, event, now=self.clock())
