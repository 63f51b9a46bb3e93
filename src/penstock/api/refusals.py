"""Refusals of the OAuth endpoints, in the form that their clients read (RFC 6749 §5.2)."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field
from starlette.responses import Response

from penstock.api.dpop import ProofRefused
from penstock.api.errors import MalformedRequest, seconds_to_wait
from penstock.api.schemas import Outgoing
from penstock.domain.errors import NotSignedIn, PenstockError, TooManyAttempts
from penstock.identity.devices import DeviceRefused
from penstock.identity.factors import FactorNeeded
from penstock.identity.scopes import UnknownScope


class TokenError(Outgoing):
    """Why there are no tokens (RFC 6749 §5.2)."""

    error: Annotated[str, Field(examples=["invalid_grant"])]
    error_description: Annotated[str, Field(examples=["The user name or the password is wrong."])]


class Refused(PenstockError):
    """There is nothing for this request; `code` is the `error` of RFC 6749 §5.2."""

    status = 400
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClientRefused(Refused):
    """There is no such client here, or it did not prove that it is the one."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Basic realm="penstock"'}


def needed(form: Mapping[str, str], name: str) -> str:
    """Return a field of a form. Raises Refused where it is missing."""
    if name not in form:
        raise Refused("invalid_request", f"The field {name} is missing.")
    return form[name]


def refusal(error: PenstockError) -> Response:
    """Return an error as an answer; one that is no refusal is raised again."""
    match error:
        case ProofRefused():
            return _refuse(error.code, error, 400, error.nonce)
        case DeviceRefused():
            return _refuse(error.code, error)
        case Refused():
            return _refuse(error.code, error, error.status, error.headers)
        case NotSignedIn() | UnknownScope() | MalformedRequest():
            return _refuse(_code_of(error), error)
        case TooManyAttempts():
            return _refuse("too_many_attempts", error, 429, seconds_to_wait(error))
        case _:
            raise error


def _code_of(error: PenstockError) -> str:
    if isinstance(error, FactorNeeded):
        return "mfa_required"
    if isinstance(error, NotSignedIn):
        return "invalid_grant"
    return "invalid_scope" if isinstance(error, UnknownScope) else "invalid_request"


def _refuse(
    code: str, error: PenstockError, status: int = 400, headers: dict[str, str] | None = None
) -> Response:
    return oauth_answer({"error": code, "error_description": error.message}, status, headers)


def oauth_answer(
    body: Mapping[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return an answer that no cache may keep."""
    content = json.dumps(body).encode()
    return Response(content, status, {"Pragma": "no-cache", **(headers or {})}, "application/json")
