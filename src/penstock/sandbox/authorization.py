"""Whether an authorization request may be put to a person (RFC 6749, 7636, 8252)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from penstock.domain.errors import InvalidInput, OAuthError
from penstock.sandbox.authority import Asked

LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})
SCOPES = {
    "accounts": "see which accounts you have",
    "balances": "see what stands on them",
    "transactions": "see what was paid, and to whom",
}
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PLAIN_URI = re.compile(r"http://[A-Za-z0-9:/._~\[\]-]+")
_PARAMETERS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge",
    "code_challenge_method",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may ask people for their consent: public, unless it has a secret.

    Redirects to a loopback address are allowed on any port and path (RFC 8252 §7.3); any other
    must be listed, and is compared character by character (RFC 9700 §2.1).
    """

    client_id: str
    secret: str | None = None
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A sound request, ready to be put to the person; `state` goes back unchanged."""

    asked: Asked
    state: str


class Redirected(OAuthError):
    """The request is unsound, and the client may be told so at its redirect address."""

    def __init__(self, message: str, *, code: str, redirect_uri: str, state: str) -> None:
        self.redirect_uri = redirect_uri
        self.state = state
        super().__init__(message, code=code)


def question(
    pairs: Iterable[tuple[str, str]],
    clients: Mapping[str, Client],
    *,
    pkce: bool,
    scopes: Iterable[str] = tuple(SCOPES),
) -> Question:
    """Read an authorization request; one without PKCE is for clients with a secret only.

    Raises InvalidInput where nobody must be redirected (client or address not known), and
    Redirected for all else.
    """
    given = _once(pairs)
    client = clients.get(given.get("client_id", ""))
    if client is None or not (pkce or client.secret):
        raise InvalidInput("This client is not known to the bank, or has to use PKCE.")
    redirect_uri, state = given.get("redirect_uri", ""), given.get("state", "")
    if not allowed(redirect_uri, client):
        raise InvalidInput("This redirect address is not one of the client's.")
    wrong = _wrong(given, pkce=pkce, scopes=frozenset(scopes))
    if wrong is not None:
        code, message = wrong
        raise Redirected(message, code=code, redirect_uri=redirect_uri, state=state)
    challenge = given["code_challenge"] if pkce else ""
    scope = given.get("scope") or " ".join(scopes)
    return Question(Asked(client.client_id, redirect_uri, challenge, scope), state)


def _wrong(
    given: Mapping[str, str], *, pkce: bool, scopes: frozenset[str]
) -> tuple[str, str] | None:
    """Return the error code and message for a request of a known client, None if it is sound."""
    if given.get("response_type") != "code":
        return "unsupported_response_type", "Only response_type=code is offered."
    if not pkce:
        return None
    if given.get("code_challenge_method") != "S256":
        return "invalid_request", "PKCE with code_challenge_method=S256 is required."
    if not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        return "invalid_request", "code_challenge must be 43 base64url characters."
    if given.get("scope") and not scopes.issuperset(given["scope"].split(" ")):
        return "invalid_scope", f"The scopes are {', '.join(sorted(scopes))}."
    return None


def allowed(uri: str, client: Client) -> bool:
    """Tell whether the client may be reached at this address."""
    if uri in client.redirect_uris:
        return True
    if not _PLAIN_URI.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    return parts.netloc in _authorities(port) and _plain(parts.path)


def back(redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """Return the redirect address with the answer in its query; empty values are left out."""
    joint = "&" if "?" in redirect_uri else "?"
    return redirect_uri + joint + urlencode({k: v for k, v in parameters.items() if v})


def _authorities(port: int | None) -> set[str]:
    return {host if port is None else f"{host}:{port}" for host in LOOPBACK}


def _plain(path: str) -> bool:
    """Tell whether a path has no step that two programs could read differently."""
    return "//" not in path and {".", ".."}.isdisjoint(path.split("/"))


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters; one that comes twice is refused (RFC 6749 §3.1)."""
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given and name in _PARAMETERS:
            raise InvalidInput(f"The parameter {name} is given twice.")
        given[name] = text
    return given
