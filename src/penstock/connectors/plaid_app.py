"""Who we are at Plaid, and how a request to it is put: each is a POST of a JSON object.

The client id and the secret go in headers, the API's version too; the access token, which is one
Item's, stands in the body (https://plaid.com/docs/api/, 2020-09-14).
"""

from dataclasses import dataclass, replace
from typing import Final

import msgspec

from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request
from penstock.domain.secret import Secret

VERSION: Final = "2020-09-14"


@dataclass(frozen=True, slots=True)
class App:
    """Our keys at Plaid, and which of its environments they open."""

    base_url: str
    client_id: str
    secret: Secret

    def post(self, endpoint: str, *, authorized: bool = True, **content: object) -> Request:
        """Return a request; one that is not `authorized` is of no Item, or names it itself."""
        return Request(
            "POST",
            f"{self.base_url}/{endpoint}",
            headers={
                "Content-Type": "application/json",
                "PLAID-CLIENT-ID": self.client_id,
                "PLAID-SECRET": self.secret.reveal(),
                "Plaid-Version": VERSION,
            },
            body=msgspec.json.encode(content),
            authorized=authorized,
            endpoint=endpoint,
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Return the request with the access token in its body.

        Raises ContractBroken for an address that is not Plaid's: the token stays at home.
        """
        if not request.url.startswith(self.base_url + "/"):
            raise ContractBroken(f"{request!r} leads away from {self.base_url}: it was not sent.")
        content = msgspec.json.decode(request.body or b"{}")
        signed = {**content, "access_token": credentials.access.reveal()}
        return replace(request, body=msgspec.json.encode(signed))
