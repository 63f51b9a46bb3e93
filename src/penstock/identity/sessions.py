"""Sessions and their refresh tokens (security.md R1 to R5, docs/decisions/0016).

A refresh token is 256 bits, good once. Using it gives the next one, its only child; using it again
ends the session with all its tokens, for one of the two who used it stole it. Two cases are let
off, as long as nobody has used the child yet:

- The answer was lost, or several asked at once, and whoever comes again proves to be the same: by
  the key that the session is bound to, or as a client with a secret of its own. Within thirty
  seconds they are told the same child again.
- Nothing is proved, and two tabs or two commands of the same person refresh in the same moment.
  Within ten seconds whoever comes second is refused, and nothing ends.

Either way there is one live token in a family, never two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa

from penstock.db import refresh_tokens, sessions, users
from penstock.db.refresh_tokens import TokenRow
from penstock.db.sessions import SessionRow
from penstock.db.users import UserRow
from penstock.domain.errors import NotSignedIn
from penstock.domain.secret import Secret
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.refreshing import RefreshTokens
from penstock.identity.scopes import Scope, UnknownScope, read_scopes, write_scopes
from penstock.identity.tokens import Grant
from penstock.vault.hashing import hash_token

IDLE: Final = timedelta(days=30)
ABSOLUTE: Final = timedelta(days=180)
OVERLAP: Final = timedelta(seconds=10)
GRACE: Final = timedelta(seconds=30)

_KEPT_AFTER: Final = timedelta(days=30)


class Ended(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed_out"
    ENDED = "ended_by_person"
    REUSED = "refresh_token_reused"
    PASSWORD = "password_changed"  # noqa: S105 - a reason, no password
    DISABLED = "person_disabled"
    FACTOR = "factor_changed"
    ROLE = "role_changed"
    REVOKED = "revoked_by_client"
    REPLAYED = "code_replayed"
    WITHDRAWN = "consent_withdrawn"
    CLIENT_REMOVED = "client_removed"


class SignInRefused(NotSignedIn):
    """The user name or the password is wrong."""


class RefreshRefused(NotSignedIn):
    """The refresh token is not good, or not any more: sign in again."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where somebody signs in from: an address, and what the program calls itself."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Rotated:
    """A refresh token was taken, and `token` is its successor; `again`: it was told before."""

    session: SessionRow
    token: Secret
    again: bool = False


@dataclass(frozen=True, slots=True)
class Reused:
    """A refresh token came twice. `ended` says whether that ended the session."""

    user_id: int
    session_id: int
    ended: bool


def check_same(connection: sa.Connection, user: UserRow) -> None:
    """Hold a person until the commit, so that whatever ends everything of theirs finds the session.

    Raises SignInRefused where they were disabled, or got a new password, since they proved who
    they are: what begins now would be too late to be ended by that.
    """
    users.hold(connection, user.id)
    present = users.get(connection, user.id)
    if present.disabled_at is not None or present.password_hash != user.password_hash:
        raise SignInRefused


def begin(
    connection: sa.Connection,
    *,
    user_id: int,
    purpose: Purpose,
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
            "scope": write_scopes(purpose.scopes),
            "address": where.address,
            "agent": where.agent,
            "created_at": now,
            "used_at": now,
            "expires_at": now + ABSOLUTE,
            "client_id": purpose.client_id,
            "proved_at": purpose.proved_at or now,
            "methods": " ".join(purpose.methods),
            "key_thumbprint": purpose.key_thumbprint,
        },
    )
    _give(connection, session_id, token, now)
    return session_id


def rotate(
    connection: sa.Connection,
    token: Secret,
    presenter: Presenter,
    tokens: RefreshTokens,
    *,
    now: datetime,
) -> Rotated | Reused | None:
    """Use a refresh token up and store its successor.

    None where there is no such token, where its session is over, and where it is not the presenter
    whose it is. Reused where it was used before: that is a value and no exception, for what it
    ended must be committed.
    """
    found = refresh_tokens.find(connection, hash_token(token))
    if found is None or found.expires_at <= now:
        return None
    session = sessions.touch(connection, found.session_id, now=now)
    row = refresh_tokens.find(connection, found.token_hash)  # as it is now that nobody else acts
    if session is None or row is None:
        return None
    if row.used_at is not None:
        told = _used_before(connection, row, session, presenter, now)
        return told if isinstance(told, Reused) else _told_again(session, token, told, tokens)
    if not _is_its_own(session, presenter):
        return None
    refresh_tokens.use(connection, row.id, now=now)
    salt = tokens.new_salt()
    successor = tokens.successor(token, salt)
    descent: dict[str, object] = {"parent_id": row.id, "salt": salt}
    _give(connection, session.id, successor, now, descent)
    return Rotated(session, successor)


def granted(session: SessionRow, presenter: Presenter, scopes: frozenset[Scope] | None) -> Grant:
    """Return what a new access token is for: `scopes`, or all that the session has.

    In a session without a key it is bound to the presenter's, if there is one. Raises UnknownScope.
    """
    has = read_scopes(session.scope) if session.scope else frozenset()
    if scopes is not None and not scopes <= has:
        raise UnknownScope("The session does not have all of these scopes.")
    return Grant(
        session.user_id,
        session.id,
        has if scopes is None else scopes,
        session.client_id,
        session.key_thumbprint or presenter.key_thumbprint,
    )


def _give(
    connection: sa.Connection,
    session_id: int,
    token: Secret,
    now: datetime,
    descent: Mapping[str, object] = MappingProxyType({}),
) -> None:
    values = {"session_id": session_id, "token_hash": hash_token(token), "created_at": now}
    refresh_tokens.create(connection, {**values, "expires_at": now + IDLE, **descent})


def _is_its_own(session: SessionRow, presenter: Presenter) -> bool:
    """Say whether it is the client that the session was given to, with its key if it has one."""
    key = session.key_thumbprint
    return session.client_id == presenter.client_id and key in (None, presenter.key_thumbprint)


def _used_before(
    connection: sa.Connection,
    row: TokenRow,
    session: SessionRow,
    presenter: Presenter,
    now: datetime,
) -> TokenRow | Reused:
    """Return the child that may be told again; else say whether the session is ended now."""
    child = refresh_tokens.child(connection, row.id)
    is_fresh = child is not None and child.used_at is None
    if child and is_fresh and row.used_at is not None and _is_its_own(session, presenter):
        is_proved = session.key_thumbprint is not None or presenter.authenticated
        passed = now - row.used_at
        if is_proved and passed <= GRACE:
            return child
        if not is_proved and passed <= OVERLAP:
            return Reused(session.user_id, session.id, ended=False)
    sessions.end(connection, session.id, why=Ended.REUSED, now=now)
    return Reused(session.user_id, session.id, ended=True)


def _told_again(
    session: SessionRow, token: Secret, child: TokenRow, tokens: RefreshTokens
) -> Rotated | Reused:
    """Return the child anew; where the key that it was derived with was renewed since, refuse."""
    successor = tokens.successor(token, child.salt or "")
    if hash_token(successor) == child.token_hash:
        return Rotated(session, successor, again=True)
    return Reused(session.user_id, session.id, ended=False)
