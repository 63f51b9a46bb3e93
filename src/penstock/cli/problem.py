"""What the API's refusals mean to a person: RFC 9457 problem documents, put into words."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from penstock.cli.failure import SIGN_IN_REMEDY, Failed, Misused, SignInNeeded

_SERVER_ERROR: Final = 500


def failed_by_answer(response: httpx2.Response) -> Failed:
    """Return how a command ends that was answered so. The answer's body has been read."""
    problem = _problem(response)
    if problem is None:
        return _not_ours(response)
    message = str(problem.get("detail") or problem.get("title") or "it was refused")
    remedy = _remedy(problem)
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        return SignInNeeded(message, remedy=remedy or SIGN_IN_REMEDY)
    if response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
        return Misused(message, remedy=remedy)
    if response.status_code >= _SERVER_ERROR and problem.get("request_id"):
        message = f"{message} (request {problem['request_id']})"
    return Failed(message, remedy=remedy)


def read_object(response: httpx2.Response) -> dict[str, Any]:
    """Return the object that a good answer holds. Raises Failed: a web page may answer 200 too."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _not_ours(response)
    return answer


def _not_ours(response: httpx2.Response) -> Failed:
    return Failed(
        f"the server answered {response.status_code}, but not as Penstock does",
        remedy="See that PENSTOCK_URL is the address of a Penstock server.",
    )


def _problem(response: httpx2.Response) -> dict[str, Any] | None:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _remedy(problem: dict[str, Any]) -> str:
    remedy = problem.get("remedy")
    text = remedy.get("text") if isinstance(remedy, dict) else remedy
    return text if isinstance(text, str) else ""


@contextlib.contextmanager
def unreachable_as_failed(address: str) -> Iterator[None]:
    """Put into words that no answer came from `address`."""
    try:
        yield
    except httpx2.TimeoutException:
        raise Failed(
            f"{address} did not answer in time", remedy="Wait a little, then try again."
        ) from None
    except httpx2.TransportError as error:
        raise Failed(
            f"{address} cannot be reached: {str(error) or type(error).__name__}",
            remedy="See that `penstock serve` runs there and that PENSTOCK_URL is right.",
        ) from None
