"""What proofs are made with, and the signing of them (RFC 7515)."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from penstock.domain.clock import Clock, utc_now

Entropy = Callable[[int], bytes]
"""Returns so many random bytes."""

ID_BYTES: Final = 16
SIGNS: Final = ("ES256", "PS256")
"""The ways we sign (FAPI 2.0 §5.4.1)."""


@dataclass(frozen=True, slots=True)
class Proving:
    """The time, randomness, and the nonces that servers last gave us, by their origin.

    One of it serves a whole process: a nonce that one connection was given is good for the next.
    """

    clock: Clock = utc_now
    entropy: Entropy = secrets.token_bytes
    nonces: dict[str, str] = field(default_factory=dict)

    def new_id(self) -> str:
        """Return the id of a proof, of 128 random bits: no two are alike."""
        return encode(self.entropy(ID_BYTES))

    def now(self) -> int:
        """Return the time as proofs state it: whole seconds since 1970."""
        return int(self.clock().timestamp())


def signed(header: Mapping[str, object], claims: Mapping[str, object], key: ECKey | RSAKey) -> str:
    """Return claims signed in the way that the header names."""
    return jwt.encode(dict(header), dict(claims), key, algorithms=list(SIGNS))


def encode(raw: bytes) -> str:
    """Write bytes in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
