"""Authorization codes: what a person's yes becomes, for one program to exchange (security.md C3).

A code is 256 random bits, good for a minute and once. It is bound to the program, the address it
was sent to, the program's PKCE challenge and the person. Shown with anything else it is used up,
for somebody has it who should not; shown again, the session that it gave ends with all its tokens.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import codes, sessions, users
from penstock.db.audit import AuditLog
from penstock.db.codes import CodeRow
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import NotSignedIn
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.clients import Client
from penstock.identity.identity import Identity, Issued
from penstock.identity.purpose import Purpose
from penstock.identity.scopes import Scope, read_scopes, write_scopes
from penstock.identity.sessions import Ended, Where
from penstock.observe.log import get_logger
from penstock.vault.hashing import hash_token

LIFETIME: Final = timedelta(seconds=60)
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""What a challenge of S256 looks like: 32 bytes in unpadded base64url (RFC 7636 §4.2)."""

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_KEPT_AFTER: Final = timedelta(days=1)
_PREFIX: Final = "psac_"
_CODE_BYTES: Final = 32

_log = get_logger("penstock.identity")


class CodeRefused(NotSignedIn):
    """The authorization code is not good, or not any more, or not for this program."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What a person said yes to, and how they had proved who they are."""

    user_id: int
    client_id: str
    redirect_uri: str
    challenge: str
    scopes: frozenset[Scope]
    proved_at: datetime | None
    methods: tuple[str, ...]
    key_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a program shows to have its tokens. `key_thumbprint` is of the key that it proved."""

    code: Secret
    redirect_uri: str
    verifier: Secret
    key_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class _Replayed:
    """A used code came again; `ended` are the sessions that this ended."""

    ended: list[int]


class Codes:
    """Gives codes out, and takes them back for sessions."""

    def __init__(
        self, database: Database, identity: Identity, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._identity = identity
        self._audit = audit
        self._clock = clock

    async def give(self, approved: Approved) -> Secret:
        """Return a new code."""
        code = Secret(_PREFIX + secrets.token_urlsafe(_CODE_BYTES))
        await self._database.write(_give, code, approved, self._clock())
        return code

    async def exchange(self, client: Client, shown: Shown, where: Where) -> Issued:
        """Begin the session that a code stands for. Raises CodeRefused."""
        row = await self._database.write(self._use, client.id, shown)
        if isinstance(row, _Replayed):
            self._identity.forget(row.ended)
            _log.warning("code_replayed", client=client.id, ended=row.ended)
        if row is None or isinstance(row, _Replayed):
            raise CodeRefused
        purpose = Purpose(
            scopes=read_scopes(row.scope) if row.scope else frozenset(),
            client_id=client.id,
            methods=tuple(row.methods.split()),
            proved_at=row.proved_at,
            key_thumbprint=shown.key_thumbprint,
        )
        issued = await self._identity.begin_session(row.user_id, where, purpose)
        await self._note(row, issued)
        return issued

    async def _note(self, row: CodeRow, issued: Issued) -> None:
        """Note what the code gave. Whoever showed it again meanwhile could not end it yet."""
        if not await self._database.write(codes.note_session, row.id, issued.session_id):
            await self._identity.end_session(
                issued.session_id, user_id=row.user_id, why=Ended.REPLAYED
            )
            raise CodeRefused

    def _use(
        self, connection: sa.Connection, client_id: str, shown: Shown
    ) -> CodeRow | _Replayed | None:
        """Use a code up; return it where all is right. What a replay ends must be committed."""
        now = self._clock()
        row = codes.find(connection, hash_token(shown.code))
        if row is None:
            return None
        if not codes.use(connection, row.id, now=now):
            return self._replayed(connection, row, client_id)
        user = users.get(connection, row.user_id)
        is_over = user.disabled_at is not None or row.expires_at <= now
        return row if not is_over and _fits(row, client_id, shown) else None

    def _replayed(self, connection: sa.Connection, row: CodeRow, client_id: str) -> _Replayed:
        now = self._clock()
        session_id = codes.note_replay(connection, row.id, now=now)
        ended = [] if session_id is None else [session_id]
        for one in ended:
            sessions.end(connection, one, why=Ended.REPLAYED, now=now)
        facts = {"shown_by": client_id, "session": " ".join(public_id("ses", i) for i in ended)}
        event = AuditEvent(AuditKind.CODE_REPLAYED, row.user_id, row.client_id, facts)
        self._audit.record(connection, event, now=now)
        return _Replayed(ended)


def _give(connection: sa.Connection, code: Secret, approved: Approved, now: datetime) -> None:
    codes.delete_expired(connection, before=now - _KEPT_AFTER)
    codes.create(
        connection,
        {
            "code_hash": hash_token(code),
            "user_id": approved.user_id,
            "client_id": approved.client_id,
            "redirect_uri": approved.redirect_uri,
            "challenge": approved.challenge,
            "key_thumbprint": approved.key_thumbprint,
            "scope": write_scopes(approved.scopes),
            "proved_at": approved.proved_at,
            "methods": " ".join(approved.methods),
            "created_at": now,
            "expires_at": now + LIFETIME,
        },
    )


def _fits(row: CodeRow, client_id: str, shown: Shown) -> bool:
    key_fits = row.key_thumbprint in (None, shown.key_thumbprint)
    same = row.client_id == client_id and row.redirect_uri == shown.redirect_uri
    return same and key_fits and _answers(shown.verifier, row.challenge)


def _answers(verifier: Secret, challenge: str) -> bool:
    """Say whether the verifier is the one that the challenge is the hash of (RFC 7636 §4.6)."""
    text = verifier.reveal()
    if not _VERIFIER.fullmatch(text):
        return False
    digest = hashlib.sha256(text.encode("ascii")).digest()
    made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return hmac.compare_digest(made, challenge)
