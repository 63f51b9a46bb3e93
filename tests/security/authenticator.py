"""A software authenticator: it makes passkeys and signs with them, rightly or as it is told.

https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data, RFC 9053 (COSE)
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey. What it says wrongly is set beforehand: each field is what it will claim."""

    origin: str
    host: str
    verified: bool = True
    count: int = 0
    step: int = 1
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: str, **told: Any) -> str:
        """Return what a browser answers to `navigator.credentials.create`."""
        client = self._client("webauthn.create", json.loads(options), told)
        key = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: key.x.to_bytes(32, "big"), -3: key.y.to_bytes(32, "big")}
        length = len(self.credential_id).to_bytes(2, "big")
        made = bytes(16) + length + self.credential_id + cbor2.dumps(cose)
        data = self._data(HAS_KEY) + made
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": _text(client), "attestationObject": _text(attested)})

    def get(self, options: str, *, tamper: bool = False, **told: Any) -> str:
        """Return what a browser answers to `navigator.credentials.get`."""
        client = self._client("webauthn.get", json.loads(options), told)
        self.count += self.step
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        if tamper:
            data = data[:-1] + bytes([data[-1] ^ 1])
        return self._answer(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(signature),
                "userHandle": None,
            }
        )

    def _client(self, does: str, options: dict[str, Any], told: dict[str, Any]) -> bytes:
        said = {"type": does, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said | told).encode()

    def _data(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verified else 0)
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, Any]) -> str:
        name = _text(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
