"""Who we are at MX, and how a request to it is put (https://docs.mx.com, version 20111101).

Our client id and API key open everything (Basic, RFC 7617): all of our users, and each login of
theirs. A connection's credentials are therefore no secret of MX's but two names, of a *user* and of
a *member*, which is what MX calls a login at an institution. They stand in the path.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

import msgspec

from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request
from penstock.domain.secret import Secret

MEDIA: Final = "application/vnd.mx.api.v1+json"
_HERE: Final = "users/-/members/-"
"""Where a request for a login goes until it is signed: only the credentials say which."""

_GUID: Final = re.compile(r"[A-Z]{3}-[0-9A-Za-z-]{1,80}")


@dataclass(frozen=True, slots=True)
class Login:
    """A user of ours at MX, and one login of theirs."""

    user: str
    member: str

    @property
    def path(self) -> str:
        """Where it is found below the API's address."""
        return f"users/{self.user}/members/{self.member}"

    def as_credentials(self) -> Credentials:
        """Return what opens a connection to it."""
        return Credentials(access=Secret(f"{self.user}/{self.member}"))


def login_of(credentials: Credentials) -> Login:
    """Return the login that credentials name. Raises ContractBroken."""
    user, _, member = credentials.access.reveal().partition("/")
    if not (usable_guid(user) and usable_guid(member)):
        raise ContractBroken("The credentials name no login at MX.")
    return Login(user, member)


def usable_guid(text: str) -> bool:
    """Tell whether this is a name such as MX gives, which can stand in a path."""
    return _GUID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class App:
    """Our keys at MX, and which of its environments they open."""

    base_url: str
    client_id: str
    api_key: Secret

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        content: object = None,
    ) -> Request:
        """Return a request that is of no connection (yet), with our keys on it."""
        return Request(
            method,
            self._url(path, query),
            headers={**_headers(content), "Authorization": self._basic},
            body=None if content is None else msgspec.json.encode(content),
            authorized=False,
        )

    def ask_login(
        self,
        method: str,
        what: str = "",
        query: Mapping[str, str | int] | None = None,
        takes: tuple[int, ...] = (),
    ) -> Request:
        """Return a request for what belongs to a connection's login, to be signed."""
        return Request(
            method,
            self._url(f"{_HERE}/{what}" if what else _HERE, query),
            headers=_headers(None),
            endpoint=what or "member",
            takes=takes,
        )

    def sign(self, request: Request, credentials: Credentials) -> Request:
        """Return the request with the login in its path, and our keys on it.

        Raises ContractBroken for an address that is no login's at MX: the keys stay at home.
        """
        here = f"{self.base_url}/{_HERE}"
        rest = request.url.removeprefix(here)
        if rest == request.url or (rest and rest[0] not in "/?"):
            raise ContractBroken(f"{request!r} leads away from {self.base_url}: it was not sent.")
        return replace(
            request,
            url=f"{self.base_url}/{login_of(credentials).path}{rest}",
            headers={**request.headers, "Authorization": self._basic},
        )

    @property
    def _basic(self) -> str:
        both = f"{self.client_id}:{self.api_key.reveal()}".encode()
        return f"Basic {b64encode(both).decode('ascii')}"

    def _url(self, path: str, query: Mapping[str, str | int] | None) -> str:
        return f"{self.base_url}/{path}{'?' if query else ''}{urlencode(query or {})}"


def _headers(content: object) -> dict[str, str]:
    accepted = {"Accept": MEDIA}
    return accepted if content is None else {**accepted, "Content-Type": "application/json"}
