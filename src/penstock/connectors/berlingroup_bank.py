"""Where a NextGenPSD2 bank is, and how a request to it is put: with an id of its own each time.

The id has to be a UUID and unique. It is made of what is asked for and of the time: so the same
question at another moment has another one, and nothing is left to chance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid5

from penstock.connectors.wire import broken
from penstock.domain.clock import Clock, utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request

REQUEST_ID: Final = "X-Request-ID"
CONSENT_ID: Final = "Consent-ID"
_REQUESTS: Final = UUID("5c0b9a53-6a5e-4c55-8a3b-0b0f4f0f7d1e")
_JSON: Final = {"Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank's interface; `person_at` is told as the address of a person of whom we know none."""

    base_url: str
    person_at: str = "127.0.0.1"
    clock: Clock = field(default=utc_now, repr=False)

    def url(self, href: str) -> str:
        """Return where a link leads: banks write whole addresses, or paths from either root.

        Raises ContractBroken for one that leads elsewhere.
        """
        if href.startswith("/"):
            root = urlsplit(self.base_url)
            below = root.path and href.startswith(f"{root.path}/")
            whole = f"{root.scheme}://{root.netloc}{href}" if below else self.base_url + href
        else:
            whole = urljoin(f"{self.base_url}/", href)
        if not whole.startswith(f"{self.base_url}/"):
            raise broken("link", f"it leads away from {self.base_url}", href)
        return whole

    def get(self, path: str, *, account: str = "", endpoint: str = "") -> Request:
        """Return a request for what the person allowed."""
        return Request("GET", self.url(path), headers=_JSON, account=account, endpoint=endpoint)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """Return a request about a consent, made while the person is there."""
        plain = {**_JSON, "PSU-IP-Address": self.person_at, **(headers or {})}
        if body is not None:
            plain["Content-Type"] = "application/json"
        request = Request(method, self.url(path), headers=plain, body=body, authorized=False)
        return self._numbered(request)

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Put the consent on a request. Raises ContractBroken for one that leads elsewhere."""
        if not request.url.startswith(f"{self.base_url}/"):
            raise ContractBroken(f"{request!r} leads away from {self.base_url}: it was not sent.")
        consent = {CONSENT_ID: credentials.access.reveal()}
        return self._numbered(replace(request, headers={**request.headers, **consent}))

    def _numbered(self, request: Request) -> Request:
        asked = f"{self.clock().isoformat()} {request.method} {request.url} {request.body!r}"
        number = str(uuid5(_REQUESTS, asked))
        return replace(request, headers={**request.headers, REQUEST_ID: number})
