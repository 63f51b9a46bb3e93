"""Reading what we signed, as a server would."""

from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry

from penstock.domain.link_plan import ClientKey
from penstock.domain.secret import Secret
from penstock.oauth.proving import SIGNS, Proving

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Counting:
    """Randomness that counts: no two are alike, and all are known."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, many: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(many, "big")


def proving() -> Proving:
    """Make what proofs are made with."""
    return Proving(lambda: NOW, Counting())


def pem_of(native: Any) -> str:
    """Write a private key down."""
    text: bytes = native.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text.decode()


EC = ec.derive_private_key(7, ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
OURS = ClientKey(Secret(pem_of(EC)), "k-1")


def read_proof(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a DPoP proof by the key that it carries; return its header and its claims."""
    token = jwt.decode(text, lambda guest: ECKey.import_key(guest.headers()["jwk"]), ["ES256"])
    return token.header, token.claims


def read_statement(text: str, native: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a signed statement with the public half of our key."""
    kind = "EC" if isinstance(native, ec.EllipticCurvePrivateKey) else "RSA"
    public = native.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    token = jwt.decode(text, JWKRegistry.import_key(public, kind), list(SIGNS))
    return token.header, token.claims
