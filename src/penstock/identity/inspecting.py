"""Looking at a token for the program it was given to: is it good, and make an end of it.

A program learns of its own tokens only. Another's, an unknown one and one that is over all look the
same, so that nobody can try tokens out (RFC 7009 §2.2, RFC 7662 §4; security.md R7).
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.db import refresh_tokens, sessions
from penstock.db.lane import Database
from penstock.db.refresh_tokens import TokenRow
from penstock.db.sessions import Holder, SessionRow
from penstock.domain.clock import Clock
from penstock.domain.errors import NotSignedIn
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.clients import Client
from penstock.identity.identity import Identity
from penstock.identity.sessions import Ended
from penstock.vault.hashing import hash_token

INACTIVE: Final[Mapping[str, Any]] = {"active": False}
"""What is said of every token that is not a good one of the program that asks."""

_TOLD: Final = ("iss", "aud", "sub", "client_id", "scope", "jti", "iat", "nbf", "exp", "cnf")


class Inspector:
    """Looks at tokens, and ends what they belong to."""

    def __init__(self, database: Database, identity: Identity, clock: Clock) -> None:
        self._database = database
        self._identity = identity
        self._clock = clock

    async def introspect(self, client: Client, token: Secret) -> Mapping[str, Any]:
        """Return what there is to say of a token (RFC 7662 §2.2), INACTIVE of most."""
        caller = await self._caller(client, token)
        if caller is not None:
            kind = "DPoP" if caller.key_thumbprint else "Bearer"
            claims = {name: one for name, one in _claims(token).items() if name in _TOLD}
            told = {"active": True, "token_type": kind, "username": caller.username}
            return told | claims
        found = await self._database.read(_live_refresh, hash_token(token), self._clock())
        if found is None or await self._identity.is_decoy(token):
            return INACTIVE
        if found[1].client_id != client.id:
            return INACTIVE
        return _told_of_refresh(*found)

    async def revoke(self, client: Client, token: Secret) -> None:
        """End the session that a token of this program belongs to; of any other token, nothing.

        A refresh token that was used up still does: whoever had it may end what came of it.
        """
        session = await self._database.read(_session_of, hash_token(token))
        if session is not None and await self._identity.is_decoy(token):
            return
        if session is not None and session.client_id == client.id:
            await self._end(session.id, session.user_id)
        caller = await self._caller(client, token)
        if caller is not None:
            await self._end(caller.session_id, caller.user_id)

    async def _end(self, session_id: int, user_id: int) -> None:
        await self._identity.end_session(session_id, user_id=user_id, why=Ended.REVOKED)

    async def _caller(self, client: Client, token: Secret) -> Caller | None:
        """Return whose access token it is, if it is good and this program's."""
        try:
            caller = await self._identity.authenticate(token.reveal())
        except NotSignedIn:
            return None
        return caller if caller.client_id == client.id else None


def _claims(token: Secret) -> dict[str, Any]:
    """Return the claims of an access token that was found good."""
    content = token.reveal().split(".")[1]
    raw = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
    return msgspec.json.decode(raw, type=dict[str, Any])


def _session_of(connection: sa.Connection, token_hash: str) -> SessionRow | None:
    row = refresh_tokens.find(connection, token_hash)
    return sessions.find(connection, row.session_id) if row else None


def _live_refresh(
    connection: sa.Connection, token_hash: str, now: datetime
) -> tuple[TokenRow, SessionRow, Holder] | None:
    row = refresh_tokens.find(connection, token_hash)
    if row is None or row.used_at is not None or row.expires_at <= now:
        return None
    session = sessions.find(connection, row.session_id)
    holder = sessions.holder(connection, row.session_id, now=now)
    return (row, session, holder) if session and holder else None


def _told_of_refresh(row: TokenRow, session: SessionRow, holder: Holder) -> dict[str, Any]:
    told = {
        "active": True,
        "token_type": "refresh_token",
        "username": holder.username,
        "sub": public_id("usr", session.user_id),
        "client_id": session.client_id,
        "scope": session.scope,
        "iat": int(row.created_at.timestamp()),
        "exp": int(min(row.expires_at, session.expires_at).timestamp()),
    }
    if session.key_thumbprint:
        told["cnf"] = {"jkt": session.key_thumbprint}
    return told
