"""Making access tokens by hand, with the server's own key: what is altered is what fails."""

from dataclasses import dataclass
from typing import Any

from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.identity.test_tokens import forged
from tests.security.proving import claims_of

ME = "/v1/me"


@dataclass(frozen=True)
class Forger:
    """Somebody who has the signing key of a running server, and a live session of Ada's."""

    api: Api
    key: bytes
    header: dict[str, Any]
    claims: dict[str, Any]

    def status(self, header: object, claims: object, key: bytes | None = None) -> int:
        """Return how the server answers a token made so."""
        return self.sent(forged(header, claims, key=self.key if key is None else key))

    def sent(self, token: str) -> int:
        """Return how the server answers whatever is sent for a token."""
        sent = [(b"Authorization", b"Bearer " + token.encode("utf-8", "surrogatepass"))]
        return self.api.client.get(ME, headers=sent).status_code


def forger(api: Api) -> Forger:
    """Return a forger whose unaltered token is good."""
    issued = api.begin()
    signer = api.play(api.identity.keyring.signer)
    now = int(api.clock().timestamp())
    claims = {
        "iss": issuer(api),
        "aud": "penstock:api",
        "sub": public_id("usr", api.person("ada")),
        "sid": public_id("ses", issued.session_id),
        "client_id": "penstock",
        "scope": "read",
        "jti": "one-of-a-kind",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    header = {"alg": "HS256", "typ": "at+jwt", "kid": signer.kid}
    return Forger(api, signer.key.raw_value, header, claims)


def issuer(api: Api) -> str:
    """Return what the server calls itself in a token of its own."""
    return str(claims_of(api.begin().access.reveal())["iss"])
