"""A bank's token endpoint, played by hand."""

import json
from collections.abc import Generator
from typing import TypeVar
from urllib.parse import parse_qsl

from penstock.domain.link_plan import OAuthPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.token import TokenAnswer, refresh

T = TypeVar("T")

PLAN = OAuthPlan(
    issuer="https://bank.example",
    authorize_url="https://bank.example/authorize",
    token_url="https://bank.example/token",
    revoke_url="https://bank.example/revoke",
    client_id="penstock",
    scopes=("accounts", "transactions"),
)
GOOD: dict[str, object] = {
    "access_token": "at-1",
    "token_type": "Bearer",
    "refresh_token": "rt-2",
    "expires_in": 600,
    "scope": "transactions accounts",
}
JSON = {"content-type": "application/json"}


def answering(content: object, status: int = 200) -> Response:
    """Return an answer with this content."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, JSON, body)


def play(asking: Generator[Request, Response, T], *answers: Response) -> tuple[T, list[Request]]:
    """Run a step against these answers; return its value and what it asked."""
    asked = [next(asking)]
    for answer in answers:
        try:
            asked.append(asking.send(answer))
        except StopIteration as end:
            return end.value, asked
    raise AssertionError(f"more was asked than was answered: {asked}")


def refreshed(answer: Response) -> TokenAnswer:
    """Refresh, with this answer."""
    return play(refresh(PLAN, Secret("canary-rt")), answer)[0]


def form_of(request: Request) -> dict[str, str]:
    """Read the form of a request, which must have each name once."""
    assert request.body is not None
    pairs = parse_qsl(request.body.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
