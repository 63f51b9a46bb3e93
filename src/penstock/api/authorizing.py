"""Reading an authorization request (RFC 6749 §4.1.1, RFC 7636), wherever it came from.

First the program and the address to send people back to: while one of them is in doubt, nobody is
sent anywhere, and the person is told on a page (RFC 9700 §4.11). Only then whatever else is wrong
goes to the program. Each parameter counts once: one that comes twice is refused, for the two of us
might read different ones.
"""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from penstock.domain.errors import InvalidInput, PenstockError
from penstock.identity.clients import Client, Clients
from penstock.identity.codes import CHALLENGE
from penstock.identity.redirect_uris import is_allowed
from penstock.identity.scopes import Scope, UnknownScope, read_scopes

PARAMETERS: Final = frozenset(
    "client_id redirect_uri response_type response_mode scope state code_challenge "
    "code_challenge_method prompt max_age dpop_jkt request request_uri".split()
)
"""What is understood. Whatever else comes is passed over (RFC 6749 §3.1)."""

_PROMPTS: Final = frozenset({"login", "consent", "none"})
_MOST_STATE: Final = 2000
_AGE: Final = re.compile(r"[0-9]{1,9}")

Pairs = Collection[tuple[str, str]]


class NotSentBack(InvalidInput):
    """Nobody is sent anywhere: it is not certain to whom."""


class SentBack(PenstockError):
    """The program is told what is wrong with its request; `code` is of RFC 6749 §4.1.2.1."""

    def __init__(self, code: str, message: str, redirect_uri: str, state: str | None) -> None:
        super().__init__(message)
        self.code = code
        self.redirect_uri = redirect_uri
        self.state = state


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks for. `max_age` is in seconds, `prompt` a subset of login, consent, none.

    `key_thumbprint` is of the key that it will prove at the exchange (RFC 9449 §10).
    """

    client: Client
    redirect_uri: str
    state: str | None
    challenge: str
    scopes: frozenset[Scope]
    prompt: frozenset[str]
    max_age: int | None
    key_thumbprint: str | None

    @property
    def wants_new_proof(self) -> bool:
        """Say whether the person has to prove who they are after this request came."""
        return "login" in self.prompt or self.max_age == 0

    def sent_back(self, code: str, message: str) -> SentBack:
        """Return what to raise so that the program is told."""
        return SentBack(code, message, self.redirect_uri, self.state)


async def read_asked(clients: Clients, pairs: Pairs) -> Asked:
    """Return what is asked for. Raises NotSentBack, SentBack."""
    given = [(name, value) for name, value in pairs if name in PARAMETERS and value]
    times = Counter(name for name, _ in pairs)
    fields = dict(given)
    client = await _client(clients, fields, times)
    redirect_uri = fields.get("redirect_uri", "")
    if times["redirect_uri"] != 1 or not is_allowed(
        redirect_uri, client.redirect_uris, any_port=client.is_public
    ):
        raise NotSentBack(f"{client.name} is not registered with that redirect address.")
    state = fields.get("state") if times["state"] == 1 else None
    try:
        _check_shape(fields, times)
        return Asked(
            client=client,
            redirect_uri=redirect_uri,
            state=state,
            challenge=_challenge(fields),
            scopes=_scopes(client, fields),
            prompt=_prompt(fields),
            max_age=_max_age(fields),
            key_thumbprint=_thumbprint(fields),
        )
    except _Wrong as wrong:
        told = state if state is None or len(state) <= _MOST_STATE else None
        raise SentBack(wrong.code, wrong.message, redirect_uri, told) from None


def answer_to(redirect_uri: str, issuer: str, state: str | None, **answer: str) -> Response:
    """Return what sends the browser back to a program, by GET whatever it came by (RFC 9700 §4.12).

    `iss` says who answers, so that a program that knows several of us is not mixed up (RFC 9207).
    """
    fields = answer | ({} if state is None else {"state": state}) | {"iss": issuer}
    joint = "&" if "?" in redirect_uri else "?"
    return see_other(f"{redirect_uri}{joint}{urlencode(fields)}")


def see_other(address: str) -> Response:
    """Return what sends the browser elsewhere. `address` is ASCII, and was checked."""
    return Response(status_code=303, headers={"Location": address})


class _Wrong(PenstockError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def _client(clients: Clients, fields: dict[str, str], times: Counter[str]) -> Client:
    client_id = fields.get("client_id", "")
    client = await clients.find(client_id) if times["client_id"] == 1 else None
    if client is None:
        raise NotSentBack("The program that sent you here is not registered.")
    return client


def _check_shape(fields: dict[str, str], times: Counter[str]) -> None:
    if any(times[name] > 1 for name in PARAMETERS):
        raise _Wrong("invalid_request", "A parameter stands twice in the request.")
    if len(fields.get("state", "")) > _MOST_STATE:
        raise _Wrong("invalid_request", f"A state has at most {_MOST_STATE} characters.")
    if "request" in fields:
        raise _Wrong("request_not_supported", "Push the request to /par instead.")
    if "request_uri" in fields:
        raise _Wrong("request_uri_not_supported", "Only a request_uri of ours is taken, alone.")
    if "response_type" not in fields:
        raise _Wrong("invalid_request", "Say response_type=code.")
    if fields["response_type"] != "code":
        raise _Wrong("unsupported_response_type", "There is no other response_type than code.")
    if fields.get("response_mode", "query") != "query":
        raise _Wrong("invalid_request", "There is no other response_mode than query.")


def _challenge(fields: dict[str, str]) -> str:
    challenge = fields.get("code_challenge", "")
    if not challenge or fields.get("code_challenge_method") != "S256":
        raise _Wrong("invalid_request", "PKCE is needed: a code_challenge by S256 (RFC 7636).")
    if not CHALLENGE.fullmatch(challenge):
        raise _Wrong("invalid_request", "The code_challenge is not a SHA-256 in base64url.")
    return challenge


def _scopes(client: Client, fields: dict[str, str]) -> frozenset[Scope]:
    """Return the scopes that are asked for: the program's own where it names none."""
    if "scope" not in fields:
        return client.scopes
    try:
        asked = read_scopes(fields["scope"])
    except UnknownScope as error:
        raise _Wrong("invalid_scope", error.message) from None
    if not asked <= client.scopes:
        raise _Wrong("invalid_scope", "The program is not registered with all of these scopes.")
    return asked


def _prompt(fields: dict[str, str]) -> frozenset[str]:
    words = frozenset(fields.get("prompt", "").split(" ")) - {""}
    if not words <= _PROMPTS or ("none" in words and len(words) > 1):
        raise _Wrong("invalid_request", "prompt is login, consent or both; or none.")
    return words


def _max_age(fields: dict[str, str]) -> int | None:
    text = fields.get("max_age")
    if text is not None and not _AGE.fullmatch(text):
        raise _Wrong("invalid_request", "max_age is a number of seconds.")
    return None if text is None else int(text)


def _thumbprint(fields: dict[str, str]) -> str | None:
    text = fields.get("dpop_jkt")
    if text is not None and not CHALLENGE.fullmatch(text):
        raise _Wrong("invalid_request", "dpop_jkt is not a SHA-256 in base64url.")
    return text
