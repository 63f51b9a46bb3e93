"""Access tokens: JSON Web Tokens signed with HS256, good for ten minutes (RFC 9068, RFC 8725).

A token says whose session it is and what it allows; whether that session is still live is asked
elsewhere (sessions.py). One algorithm, one form of header, every claim demanded: whatever else a
header says (`none`, `jku`, `jwk`, `crit`) is refused before a key is looked at (T1, T2).
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from penstock.domain.errors import NotFound, NotSignedIn
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import SKEW
from penstock.identity.purpose import OWN_CLIENT
from penstock.identity.scopes import Scope, UnknownScope, read_scopes, write_scopes

LIFETIME: Final = timedelta(minutes=10)
AUDIENCE: Final = "penstock:api"

_MOST_CHARACTERS: Final = 4096
_ALGORITHMS: Final = ["HS256"]


class TokenBad(NotSignedIn):
    """The access token is not good, or not any more."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["HS256"]
    typ: Literal["at+jwt"]
    kid: str


class _Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jkt: str


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    aud: str
    sub: str
    sid: str
    client_id: str
    scope: str
    jti: str
    iat: int
    nbf: int
    exp: int
    cnf: _Confirmation | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good token says. The numbers are row numbers.

    `key_thumbprint` is that of the key that it is bound to (`cnf.jkt`, RFC 9449 §6.1), if it is.
    """

    user_id: int
    session_id: int
    scopes: frozenset[Scope]
    client_id: str = OWN_CLIENT
    key_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and its name."""

    kid: str
    key: OctKey


@dataclass(frozen=True, slots=True)
class Opened:
    """A token whose signature is right. Its times are seconds of the epoch."""

    grant: Grant
    issued: int
    begins: int
    ends: int

    def at(self, now: datetime) -> Grant:
        """Return what it says now. Raises TokenBad before its time and after it."""
        present, skew = now.timestamp(), SKEW.total_seconds()
        if self.ends <= present:
            raise TokenBad("The access token has expired.")
        lasts = self.ends - self.issued
        begins = max(self.begins, self.issued)
        if begins > present + skew or not 0 < lasts <= LIFETIME.total_seconds():
            raise TokenBad
        return self.grant


@dataclass(frozen=True, slots=True)
class TokenFormat:
    """Writes and reads tokens of one issuer. `new_id` makes a `jti`."""

    issuer: str
    new_id: Callable[[], str] = lambda: secrets.token_urlsafe(16)

    def issue(self, grant: Grant, signer: Signer, *, now: datetime) -> str:
        """Return a new token."""
        issued = int(now.timestamp())
        claims = _Claims(
            iss=self.issuer,
            aud=AUDIENCE,
            sub=public_id("usr", grant.user_id),
            sid=public_id("ses", grant.session_id),
            client_id=grant.client_id,
            scope=write_scopes(grant.scopes),
            jti=self.new_id(),
            iat=issued,
            nbf=issued,
            exp=issued + int(LIFETIME.total_seconds()),
            cnf=_Confirmation(grant.key_thumbprint) if grant.key_thumbprint else msgspec.UNSET,
        )
        header = {"alg": _ALGORITHMS[0], "typ": "at+jwt", "kid": signer.kid}
        return jws.serialize_compact(header, msgspec.json.encode(claims), signer.key, _ALGORITHMS)

    def read(self, token: str, key: OctKey, *, now: datetime) -> Grant:
        """Return what a token says. Raises TokenBad unless all of it is right."""
        return self.open(token, key).at(now)

    def open(self, token: str, key: OctKey) -> Opened:
        """Return what a token of ours says at some time. Raises TokenBad where it is none."""
        try:
            signed = jws.deserialize_compact(token, key, _ALGORITHMS)
            claims = msgspec.json.decode(signed.payload or b"", type=_Claims)
        except (JoseError, ValueError, msgspec.MsgspecError):
            raise TokenBad from None
        named = claims.jti and claims.client_id and (claims.cnf is msgspec.UNSET or claims.cnf.jkt)
        if claims.iss != self.issuer or claims.aud != AUDIENCE or not named:
            raise TokenBad
        return Opened(_grant(claims), claims.iat, claims.nbf, claims.exp)


def key_name(token: str) -> str:
    """Return the name of the key that a token says it is signed with. Raises TokenBad."""
    head = token.partition(".")[0] if len(token) <= _MOST_CHARACTERS else ""
    try:
        raw = base64.b64decode(head + "=" * (-len(head) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=_Header).kid
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise TokenBad from None


def _grant(claims: _Claims) -> Grant:
    try:
        scopes = read_scopes(claims.scope) if claims.scope else frozenset()
        return Grant(
            row_number("usr", claims.sub),
            row_number("ses", claims.sid),
            scopes,
            claims.client_id,
            None if claims.cnf is msgspec.UNSET else claims.cnf.jkt,
        )
    except (NotFound, UnknownScope):
        raise TokenBad from None
