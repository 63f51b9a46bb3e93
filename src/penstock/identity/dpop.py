"""Proofs that whoever sends a token has the key it is bound to (DPoP, RFC 9449; security.md C7).

A proof is a small JWT that the client signs for one request: its method and address, when, and an
id of its own. What a proof may be is one narrow form; each is good for one request only, and which
ones were seen is kept in the database, for all workers.

A client whose clock is wrong is given a nonce that says when it is here, and signs again (§8).
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from penstock.db import dpop_proofs
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.domain.errors import NotSignedIn
from penstock.domain.secret import Secret

ALGORITHMS: Final = ("ES256", "Ed25519")

_FRESH: Final = timedelta(seconds=60)
_NONCE_STEP: Final = 60  # seconds
_NONCE_STEPS: Final = 5
_REMEMBERED: Final = timedelta(minutes=7)  # longer than any proof is good
_MOST_CHARACTERS: Final = 4096
_PORTS: Final = {"http": 80, "https": 443}

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class ProofBad(NotSignedIn):
    """The DPoP proof is not good for this request."""


class NonceNeeded(ProofBad):
    """The DPoP proof needs a nonce of ours; `nonce` is one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("Sign a new DPoP proof, with the nonce that the header DPoP-Nonce has.")
        self.nonce = nonce


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it must be proved.

    `urls` are the addresses by which the world reaches what was asked for, without query.
    `token` is the access token that came along, where one did.
    """

    method: str
    urls: tuple[str, ...]
    token: Secret | None = None


class _EcKey(msgspec.Struct, frozen=True, tag_field="kty", tag="EC"):
    crv: Literal["P-256"]
    x: _Text
    y: _Text


class _OkpKey(msgspec.Struct, frozen=True, tag_field="kty", tag="OKP"):
    crv: Literal["Ed25519"]
    x: _Text


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    typ: Literal["dpop+jwt"]
    alg: Literal["ES256", "Ed25519"]
    jwk: dict[str, Any]


class _Claims(msgspec.Struct, frozen=True):
    jti: _Text
    htm: _Text
    htu: str
    iat: int
    nonce: str | None = None
    ath: str | None = None


class Proofs:
    """Checks proofs. `key` is at least 32 bytes that are not in the database.

    With `nonces` none is taken without a nonce of ours.
    """

    def __init__(
        self, database: Database, clock: Clock, key: bytes, *, nonces: bool = False
    ) -> None:
        self._database = database
        self._clock = clock
        self._key = hmac.digest(key, b"dpop nonces", sha256)
        self._nonces = nonces

    async def check(self, proof: str, asked: Asked) -> str:
        """Return the thumbprint (RFC 7638) of the key that signed. Raises ProofBad, NonceNeeded."""
        key, claims = _read(proof)
        if claims.htm != asked.method or _plain(claims.htu) not in map(_plain, asked.urls):
            made_for = f"{asked.method} {asked.urls[0]}"
            raise ProofBad(f"The DPoP proof was made for another request than {made_for}.")
        if claims.ath != (_digest(asked.token.reveal()) if asked.token else None):
            raise ProofBad("The DPoP proof was made for another access token.")
        self._check_time(claims)
        thumbprint: str = key.thumbprint()
        now = self._clock()
        is_new = await self._database.write(
            dpop_proofs.remember,
            _digest(f"{thumbprint}\0{claims.jti}"),
            now=now,
            expires_at=now + _REMEMBERED,
        )
        if not is_new:
            raise ProofBad("The DPoP proof was used before.")
        return thumbprint

    def new_nonce(self) -> str:
        """Return a nonce; every worker knows it as ours, for five minutes."""
        return self._nonce(self._step())

    def _check_time(self, claims: _Claims) -> None:
        if claims.nonce is not None:
            present = self._step()
            known = (self._nonce(step) for step in range(present - _NONCE_STEPS + 1, present + 1))
            given = claims.nonce.encode("utf-8", "surrogatepass")
            if not any(hmac.compare_digest(given, one.encode()) for one in known):
                raise NonceNeeded(self.new_nonce())
        elif self._nonces or abs(claims.iat - self._clock().timestamp()) > _FRESH.total_seconds():
            raise NonceNeeded(self.new_nonce())

    def _step(self) -> int:
        return int(self._clock().timestamp()) // _NONCE_STEP

    def _nonce(self, step: int) -> str:
        return _encoded(hmac.digest(self._key, str(step).encode(), sha256))


def _read(proof: str) -> tuple[ECKey | OKPKey, _Claims]:
    """Return the key and the claims of a proof that is signed as it must be. Raises ProofBad."""
    try:
        if len(proof) > _MOST_CHARACTERS:
            raise ProofBad
        head = proof.partition(".")[0]
        raw = base64.b64decode(head + "=" * (-len(head) % 4), altchars=b"-_", validate=True)
        header = msgspec.json.decode(raw, type=_Header)
        key = _public_key(header.alg, header.jwk)
        signed = jws.deserialize_compact(proof, key, [header.alg])
        return key, msgspec.json.decode(signed.payload or b"", type=_Claims)
    except (JoseError, ValueError, msgspec.MsgspecError, RecursionError):
        raise ProofBad from None


def _public_key(algorithm: str, jwk: Mapping[str, Any]) -> ECKey | OKPKey:
    """Return the key in a header. Raises ProofBad for a private, a symmetric or another one."""
    if "d" in jwk or "k" in jwk:
        raise ProofBad("The DPoP proof gives a private key away: use that key no more.")
    known = msgspec.convert(jwk, type=_EcKey | _OkpKey)
    if isinstance(known, _EcKey) and algorithm == "ES256":
        return ECKey.import_key({"kty": "EC", "crv": known.crv, "x": known.x, "y": known.y})
    if isinstance(known, _OkpKey) and algorithm == "Ed25519":
        return OKPKey.import_key({"kty": "OKP", "crv": known.crv, "x": known.x})
    raise ProofBad


def _plain(url: str) -> str:
    """Return an address the one way that it is compared (RFC 9449 §4.3); empty where it is none."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return ""
    is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in _PORTS or not host or not is_bare or url.endswith(("?", "#")):
        return ""
    name = f"[{host}]" if ":" in host else host
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{name}{shown}{parts.path or '/'}"


def _digest(text: str) -> str:
    return _encoded(sha256(text.encode("utf-8", "surrogatepass")).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
