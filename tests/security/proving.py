"""A DPoP client of our own for tests: it signs what it is told to, be it right or not."""

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.api.serving import Api

BASE = "http://testserver"
FORM = {"grant_type": "refresh_token"}


def encoded(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def whole(number: int) -> str:
    """Return a coordinate as a JWK has it."""
    return encoded(number.to_bytes(32, "big"))


@dataclass
class Prover:
    """Somebody with a P-256 key. Each proof has another id unless it is given."""

    api: Api
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    numbers: Any = field(default_factory=itertools.count)

    @property
    def jwk(self) -> dict[str, str]:
        """Return the public key."""
        point = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": whole(point.x), "y": whole(point.y)}

    @property
    def thumbprint(self) -> str:
        """Return the thumbprint of RFC 7638, worked out by hand."""
        members = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return encoded(hashlib.sha256(members.encode()).digest())

    def claims(self, method: str, path: str, token: str | None = None) -> dict[str, Any]:
        """Return what a right proof says."""
        claims = {
            "jti": f"proof-{id(self)}-{next(self.numbers)}",
            "htm": method,
            "htu": BASE + path,
            "iat": int(self.api.clock().timestamp()),
        }
        ath = {} if token is None else {"ath": encoded(hashlib.sha256(token.encode()).digest())}
        return claims | ath

    def header(self) -> dict[str, Any]:
        """Return the header of a right proof."""
        return {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}

    def signed(self, header: object, claims: object) -> str:
        """Sign whatever is given."""
        content = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self.key.sign(content.encode(), ec.ECDSA(SHA256())))
        return f"{content}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def proof(self, method: str, path: str, token: str | None = None, **claims: Any) -> str:
        """Return a proof; `claims` alter it, None leaves one out."""
        right = self.claims(method, path, token) | claims
        told = {name: value for name, value in right.items() if value is not None}
        return self.signed(self.header(), told)

    def headers(self, method: str, path: str, token: str, **claims: Any) -> dict[str, str]:
        """Return the headers of a request to a route."""
        proof = self.proof(method, path, token, **claims)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}


def symmetric(content: str, key: bytes) -> str:
    """Sign with HS256 what a client says is signed otherwise."""
    return f"{content}.{encoded(hmac.digest(key, content.encode(), 'sha256'))}"


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, whoever signed it."""
    body = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told
