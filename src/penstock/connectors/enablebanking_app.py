"""Who we are at Enable Banking: each request is signed by our application itself.

A JWT with our application's id as its `kid` (https://enablebanking.com/docs/api/reference/), good
for an hour of the 24 that are allowed. It opens what any of our sessions may read: whose session a
request is of stands in its address.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.remedy import fix_code
from penstock.domain.request import Request
from penstock.domain.secret import Secret

GOOD_FOR: Final = timedelta(hours=1)
SESSION: Final = "{session}"
"""Where a session's id is put into an address when the request is signed."""

_ISSUER: Final = "enablebanking.com"
_AUDIENCE: Final = "api.enablebanking.com"
_LEAST_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class App:
    """Our application: without a key it can ask for nothing."""

    base_url: str
    application_id: str = ""
    key: RSAKey | None = field(default=None, repr=False, compare=False)
    clock: Clock = field(default=utc_now, repr=False)

    def get(self, path: str, *, account: str = "", endpoint: str = "") -> Request:
        """Return a request for what a session opens."""
        return Request(
            "GET",
            f"{self.base_url}/{path}",
            headers={"Accept": "application/json"},
            account=account,
            endpoint=endpoint,
        )

    def ask(self, method: str, path: str, **content: object) -> Request:
        """Return a request of our own, signed."""
        headers = {"Accept": "application/json", "Authorization": self._token()}
        body = None
        if content:
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(content)
        url = f"{self.base_url}/{path}"
        return Request(method, url, headers=headers, body=body, authorized=False)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Return the request with our signature, and with the session in its address.

        Raises ContractBroken for an address that is not Enable Banking's.
        """
        if not request.url.startswith(f"{self.base_url}/"):
            raise ContractBroken(f"{request!r} leads away from {self.base_url}: it was not sent.")
        url = request.url.replace(SESSION, quote(credentials.access.reveal(), safe=""))
        headers = {**request.headers, "Authorization": self._token()}
        return replace(request, url=url, headers=headers)

    def _token(self) -> str:
        if self.key is None:
            raise ContractBroken("Enable Banking is not set up: there is no key to sign with.")
        now = int(self.clock().timestamp())
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + int(GOOD_FOR.total_seconds()),
        }
        header = {"typ": "JWT", "alg": "RS256", "kid": self.application_id}
        return f"Bearer {jwt.encode(header, claims, self.key)}"


def read_key(text: Secret | None) -> RSAKey | None:
    """Return an application's private key: PEM, or what stands between its first and last line.

    Raises InvalidInput.
    """
    if text is None:
        return None
    written = text.reveal().strip()
    if "-----BEGIN" not in written:
        written = f"-----BEGIN PRIVATE KEY-----\n{written}\n-----END PRIVATE KEY-----"
    try:
        key = RSAKey.import_key(written.encode())
        if key.is_private and key.raw_value.key_size >= _LEAST_BITS:
            return key
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise InvalidInput(
        "PENSTOCK_ENABLEBANKING_KEY is no private RSA key of 2048 bits or more.",
        remedy=fix_code("Give the .pem file that was made with the application, or its path."),
    )
