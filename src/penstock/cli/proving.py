"""Proving once more who one is, where a server asks for it before something that matters."""

from collections.abc import Awaitable, Callable, Mapping

import click
import httpx2

from penstock.cli.failure import SignInNeeded
from penstock.cli.problem import failed_by_answer
from penstock.cli.terminal import can_ask

_TOO_OLD = 'error="insufficient_user_authentication"'
_FACTOR_NEEDED = "urn:penstock:problem:factor-needed"


def asks_for_proof(response: httpx2.Response) -> bool:
    """Tell whether a refusal means that the last proof is too old (RFC 9470 §3)."""
    return _TOO_OLD in response.headers.get("www-authenticate", "")


async def prove(send: Callable[[Mapping[str, str]], Awaitable[httpx2.Response]]) -> None:
    """Ask for the password, and for a code where the server wants one; send them. Raises Failed."""
    if not can_ask():
        raise SignInNeeded(
            "this needs you to have proved who you are within the last five minutes",
            remedy="Run it at a terminal, or run `penstock login` right before.",
        )
    body = {"password": _asked("Your password, once more")}
    answer = await send(body)
    if _needs_factor(answer):
        body["code"] = _asked("Code of your authenticator, or a recovery code")
        answer = await send(body)
    if not answer.is_success:
        raise failed_by_answer(answer)


def _needs_factor(answer: httpx2.Response) -> bool:
    return answer.status_code == httpx2.codes.UNAUTHORIZED and _FACTOR_NEEDED in answer.text


def _asked(what: str) -> str:
    text: str = click.prompt(what, hide_input=True, err=True)
    return text
