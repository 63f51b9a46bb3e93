"""Errors as `application/problem+json` (RFC 9457), whatever went wrong and wherever it did.

`type` is stable, so that a program can decide by it; `title` says what kind of thing happened,
`detail` what happened now, `remedy` what to do about it. Nothing that was sent to us is echoed
where it could not be shown as it stands.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from penstock.domain.errors import (
    Conflict,
    ContractBroken,
    Forbidden,
    GrantRefused,
    HookRefused,
    InvalidInput,
    LeaseLost,
    NotFound,
    NotSignedIn,
    OAuthError,
    PenstockError,
    TooManyAttempts,
    TransportFailure,
    VaultError,
)
from penstock.domain.remedy import Remedy, ask_person, fix_code, wait
from penstock.identity.factors import FactorNeeded
from penstock.observe.log import current_request_id, get_logger

MEDIA_TYPE: Final = "application/problem+json"
_MOST_FAULTS: Final = 20

_log = get_logger("penstock.api")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its HTTP status, and the name that ends its `type`."""

    status: int
    name: str
    title: str

    @property
    def type(self) -> str:
        """The URI that programs decide by."""
        return f"urn:penstock:problem:{self.name}"


class MalformedRequest(InvalidInput):
    """The request cannot be read."""


class BadCursor(MalformedRequest):
    """The cursor is not one that this list gave out; begin without a cursor."""


class BodyTooLarge(InvalidInput):
    """The body is larger than we take."""


class WrongMediaType(InvalidInput):
    """The body is not of a media type that we read here."""


class DatabaseAway(PenstockError):
    """The database does not answer now."""


class KeyReused(InvalidInput):
    """This Idempotency-Key was used with another request."""


class StillRunning(Conflict):
    """The first request with this Idempotency-Key has not ended yet."""


INVALID: Final = Kind(422, "invalid-input", "What was given cannot be used.")
NOWHERE: Final = Kind(404, "not-found", "There is no such thing here.")
METHOD: Final = Kind(405, "method-not-allowed", "This address does not take that method.")
INTERNAL: Final = Kind(500, "internal", "We made a mistake.")

# Looked up along the error's ancestors: the nearest one decides.
KINDS: Final[Mapping[type[PenstockError], Kind]] = {
    MalformedRequest: Kind(400, "malformed-request", "The request cannot be read."),
    BadCursor: Kind(400, "bad-cursor", "The cursor is not one of this list."),
    FactorNeeded: Kind(401, "factor-needed", "A second factor is needed."),
    NotSignedIn: Kind(401, "not-signed-in", "Sign in first."),
    Forbidden: Kind(403, "forbidden", "The token does not allow this."),
    HookRefused: Kind(403, "hook-refused", "This is not the provider's word, or not any more."),
    NotFound: NOWHERE,
    Conflict: Kind(409, "conflict", "This contradicts what is there already."),
    StillRunning: Kind(409, "still-running", "The same request is still being worked on."),
    LeaseLost: Kind(409, "busy", "Somebody else is working on this right now."),
    GrantRefused: Kind(409, "consent-needed", "The bank no longer lets us in."),
    BodyTooLarge: Kind(413, "body-too-large", "The body is larger than we take."),
    WrongMediaType: Kind(415, "wrong-media-type", "The body is of a type that we do not read."),
    InvalidInput: INVALID,
    KeyReused: Kind(422, "key-reused", "The Idempotency-Key belongs to another request."),
    TooManyAttempts: Kind(429, "too-many-attempts", "Slow down."),
    OAuthError: Kind(502, "bank-refused", "The bank said no, or spoke nonsense."),
    ContractBroken: Kind(502, "bank-nonsense", "The bank sent what its documents do not allow."),
    TransportFailure: Kind(502, "bank-unreachable", "The bank gave no whole answer."),
    DatabaseAway: Kind(503, "database-away", "The database does not answer now."),
    VaultError: Kind(503, "vault-closed", "Secrets cannot be sealed or opened now."),
    PenstockError: INTERNAL,
}

_BY_STATUS: Final = {kind.status: kind for kind in KINDS.values() if kind is not INTERNAL} | {
    400: KINDS[MalformedRequest],
    401: KINDS[NotSignedIn],
    403: KINDS[Forbidden],
    405: METHOD,
    409: KINDS[Conflict],
    422: INVALID,
}


def kind_of(error: PenstockError) -> Kind:
    """Return which kind of problem an error is."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def problem(
    kind: Kind,
    detail: str,
    *,
    remedy: Remedy | None = None,
    faults: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as an answer."""
    body: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    if faults:
        body["faults"] = list(faults)
    if remedy:
        body["remedy"] = {"kind": remedy.kind.value, "text": remedy.text}
        if remedy.until:
            body["remedy"]["until"] = remedy.until.isoformat()
    if request_id := current_request_id():
        body["request_id"] = request_id
    # A lone surrogate has no UTF-8: it becomes a question mark, never an error of ours.
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, kind.status, headers, MEDIA_TYPE)


def problem_of(error: PenstockError) -> Response:
    """Return one of our own errors as an answer."""
    return problem(
        kind_of(error),
        error.message,
        remedy=error.remedy or _remedy(error),
        headers=_headers(error),
    )


def internal_problem() -> Response:
    """Return the answer to a fault of ours; what it was is in the log, under the request's id."""
    remedy = fix_code("Report this with the request's id; the log has the rest.")
    return problem(INTERNAL, "Something went wrong that we did not foresee.", remedy=remedy)


def _remedy(error: PenstockError) -> Remedy | None:
    if isinstance(error, NotSignedIn):
        return ask_person("Sign in: `penstock login`, or POST /token.")
    if isinstance(error, TransportFailure | LeaseLost | StillRunning | DatabaseAway):
        return wait("Try again in a moment.")
    return None


def _headers(error: PenstockError) -> dict[str, str]:
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    return headers | seconds_to_wait(error) if isinstance(error, TooManyAttempts) else headers


def seconds_to_wait(error: TooManyAttempts) -> dict[str, str]:
    """Return the header that says how long to wait, in whole seconds, rounded up."""
    return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an error that we raised on purpose."""
    if not isinstance(error, PenstockError):
        raise error
    return problem_of(error)


async def answer_database(_request: Request, error: Exception) -> Response:
    """Answer while the database is away or overloaded. What it said stays in the log."""
    _log.error("database_away", why=type(error).__name__)
    return problem_of(DatabaseAway())


async def answer_invalid(_request: Request, error: Exception) -> Response:
    """Answer input that its schema refuses: every fault with its place, no value repeated."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [
        {"at": ".".join(_shown(part) for part in fault["loc"]), "message": _shown(fault["msg"])}
        for fault in error.errors()[:_MOST_FAULTS]
    ]
    detail = "; ".join(f"{fault['at']}: {fault['message']}" for fault in faults)
    return problem(INVALID, detail, faults=faults)


def _shown(part: object) -> str:
    text = str(part)[:200]
    return text if text.isprintable() else ascii(text)[1:-1]


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses: no such route, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == METHOD.status:
        allowed = _allowed_methods(request)
        detail = f"{request.url.path} takes {allowed}."
        return problem(METHOD, detail, headers={"Allow": allowed})
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        return problem(INTERNAL, "Something went wrong that we did not foresee.")
    detail = "There is nothing at this address." if kind is NOWHERE else kind.title
    return problem(kind, detail, headers=error.headers)


def _allowed_methods(request: Request) -> str:
    """Return the methods of all routes here; the framework tells the first one's only.

    An address that is written out is no value of another one's parameter.
    """
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    exact = [one for one in routes if one.path == request.url.path]
    methods = {method for one in exact or routes for method in one.methods or ()}
    return ", ".join(sorted(methods))
