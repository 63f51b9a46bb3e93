"""Programs that people may let in, and how such a program proves that it is the one (RFC 6749 §2).

Our own command line is built in. Others are registered by an admin: public ones, which can keep no
secret (a phone app, a command line), and confidential ones, which have one of 256 random bits; it
is shown once, and its hash is what we keep.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import clients, sessions, users
from penstock.db.audit import AuditLog
from penstock.db.clients import ClientRow
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import Forbidden, InvalidInput, NotFound, NotSignedIn
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.identity import Identity
from penstock.identity.purpose import OWN_CLIENT
from penstock.identity.redirect_uris import check_redirect_uri
from penstock.identity.scopes import ALL, OF_OTHERS, Scope, read_scopes, write_scopes
from penstock.identity.sessions import Ended
from penstock.observe.log import get_logger
from penstock.vault.hashing import hash_token

_ID: Final = re.compile(r"app_[A-Za-z0-9_-]{16}")
_ID_BYTES: Final = 12
_SECRET_PREFIX: Final = "pscs_"  # noqa: S105 - what a secret begins with
_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f<>&\"]{1,60}")
_MOST_ADDRESSES: Final = 10

_log = get_logger("penstock.identity")


class ClientUnknown(NotSignedIn):
    """There is no such program here, or it did not prove that it is the one."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program. `secret_hash` is None where it is public."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    scopes: frozenset[Scope]
    created_at: datetime
    secret_hash: str | None = None

    @property
    def is_ours(self) -> bool:
        """Say whether it is the command line that comes with this server."""
        return self.id == OWN_CLIENT

    @property
    def is_public(self) -> bool:
        """Say whether it can keep no secret."""
        return self.secret_hash is None

    def __repr__(self) -> str:
        return f"Client({self.id}, {self.name!r})"


OURS: Final = Client(
    id=OWN_CLIENT,
    name="Penstock on the command line",
    redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
    scopes=ALL,
    created_at=datetime.min.replace(tzinfo=UTC),
)
"""The program that needs no registering."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new program. `secret` is shown this once, and None for a public one."""

    client: Client
    secret: Secret | None


class Clients:
    """Registers programs and knows them again."""

    def __init__(
        self, database: Database, identity: Identity, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._identity = identity
        self._audit = audit
        self._clock = clock

    async def add(
        self,
        caller: Caller,
        *,
        name: str,
        redirect_uris: tuple[str, ...],
        scopes: frozenset[Scope] = OF_OTHERS,
        confidential: bool = False,
    ) -> Registered:
        """Register a program. Raises Forbidden unless the caller is an admin, InvalidInput."""
        _check(name, redirect_uris, scopes)
        secret = Secret(_SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))
        client = Client(
            id=f"app_{secrets.token_urlsafe(_ID_BYTES)}",
            name=name,
            redirect_uris=redirect_uris,
            scopes=scopes,
            secret_hash=hash_token(secret) if confidential else None,
            created_at=self._clock(),
        )
        await self._database.write(self._add, client, caller)
        _log.info("client_added", client=client.id, user=caller.user_id)
        return Registered(client, secret if confidential else None)

    async def page(self, caller: Caller, *, after: str = "", limit: int = 100) -> list[Client]:
        """Return registered programs, those with an id past `after`. Raises Forbidden."""
        return await self._database.read(_page, caller, after, limit)

    async def remove(self, caller: Caller, client_id: str) -> None:
        """Remove a program: its consents go, and its sessions end with their tokens.

        Raises NotFound, to those who are no admin for every id.
        """
        ended = await self._database.write(self._remove, client_id, caller)
        self._identity.forget(ended)
        _log.info("client_removed", client=client_id, user=caller.user_id)

    async def find(self, client_id: str) -> Client | None:
        """Return the program with this id, if there is one."""
        if client_id == OWN_CLIENT:
            return OURS
        if not _ID.fullmatch(client_id):
            return None
        row = await self._database.read(clients.find, client_id)
        return _client(row) if row else None

    async def authenticate(self, client_id: str, secret: Secret | None) -> Client:
        """Return the program that is calling. Raises ClientUnknown.

        A public one proves nothing and must not try: it has no secret that could be right.
        """
        client = await self.find(client_id)
        if client is None:
            raise ClientUnknown
        given = hash_token(secret) if secret else ""
        if not hmac.compare_digest(given, client.secret_hash or ""):
            raise ClientUnknown
        return client

    def _add(self, connection: sa.Connection, client: Client, caller: Caller) -> None:
        check_admin(connection, caller)
        row = ClientRow(
            id=client.id,
            name=client.name,
            secret_hash=client.secret_hash,
            redirect_uris=" ".join(client.redirect_uris),
            scope=write_scopes(client.scopes),
            created_at=client.created_at,
        )
        clients.create(connection, row)
        facts = {"name": client.name, "scope": row.scope, "redirect_uris": row.redirect_uris}
        event = AuditEvent(AuditKind.CLIENT_ADDED, subject=client.id, facts=facts)
        self._audit.record(connection, event, now=self._clock())

    def _remove(self, connection: sa.Connection, client_id: str, caller: Caller) -> list[int]:
        known = _ID.fullmatch(client_id) and is_admin(connection, caller)
        if not known or not clients.delete(connection, client_id):
            raise NotFound("There is no such program.")
        now = self._clock()
        ended = sessions.end_of_client(connection, client_id, why=Ended.CLIENT_REMOVED, now=now)
        event = AuditEvent(AuditKind.CLIENT_REMOVED, subject=client_id)
        self._audit.record(connection, event, now=now)
        return ended


def _page(connection: sa.Connection, caller: Caller, after: str, limit: int) -> list[Client]:
    check_admin(connection, caller)
    return [_client(row) for row in clients.page(connection, after=after, limit=limit)]


def check_admin(connection: sa.Connection, caller: Caller) -> None:
    """Raise Forbidden unless an admin asks, through a program of ours."""
    if not is_admin(connection, caller):
        raise Forbidden("Only an admin may do that, signed in with our own program.")


def is_admin(connection: sa.Connection, caller: Caller) -> bool:
    """Say whether an admin asks, through a program of ours: no other one may let programs in."""
    admin = users.get(connection, caller.user_id).role == "admin"
    return admin and caller.is_ours


def _check(name: str, redirect_uris: tuple[str, ...], scopes: frozenset[Scope]) -> None:
    if not _NAME.fullmatch(name) or not name.isprintable() or name != name.strip():
        raise InvalidInput("A name has 1 to 60 characters that can be shown, and no markup.")
    if not 1 <= len(redirect_uris) <= _MOST_ADDRESSES:
        raise InvalidInput(f"Give 1 to {_MOST_ADDRESSES} redirect addresses.")
    for uri in redirect_uris:
        check_redirect_uri(uri)
    if not scopes or not scopes <= OF_OTHERS:
        raise InvalidInput(f"A program has at least one of the scopes {write_scopes(OF_OTHERS)}.")


def _client(row: ClientRow) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        redirect_uris=tuple(row.redirect_uris.split(" ")),
        scopes=read_scopes(row.scope),
        secret_hash=row.secret_hash,
        created_at=row.created_at,
    )
