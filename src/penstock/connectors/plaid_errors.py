"""What Plaid's errors mean (https://plaid.com/docs/errors/).

An error is a JSON object with an `error_type` and an `error_code`; the status only says how bad it
is. An Item that has trouble says so in its own `error`, even within a good answer.
"""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Final

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.wire import CANNOT_READ
from penstock.domain.consent import ConsentState, warned
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.request import Response

GONE: Final = frozenset({"INVALID_ACCESS_TOKEN", "ITEM_NOT_FOUND"})
"""The Item is no more: it cannot be mended, only be linked anew."""

_KEYS: Final = frozenset(
    {"INVALID_API_KEYS", "UNAUTHORIZED_ENVIRONMENT", "UNAUTHORIZED_ROUTE_ACCESS"}
)
CHECK_KEYS: Final = "Check the client id, the secret, and the address that goes with them."
_LOGIN: Final = frozenset(
    {
        "ITEM_LOGIN_REQUIRED", "ITEM_LOCKED", "INVALID_CREDENTIALS", "INVALID_MFA",
        "INVALID_SEND_METHOD", "INVALID_UPDATED_USERNAME", "INSUFFICIENT_CREDENTIALS",
        "MFA_NOT_SUPPORTED", "PASSWORD_RESET_REQUIRED", "USER_INPUT_TIMEOUT",
        "USER_SETUP_REQUIRED", "ACCESS_NOT_GRANTED", "ADDITIONAL_CONSENT_REQUIRED",
    }
)  # fmt: skip
_REVOKED: Final = frozenset({*GONE, "USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED"})
_REASONS: Final = {
    "OAUTH_CONSENT_EXPIRED": ConsentState.EXPIRED,
    "OAUTH_USER_REVOKED": ConsentState.REVOKED,
}
_KIND_BY_CODE: Final = {
    **dict.fromkeys(_LOGIN | _REVOKED, VerdictKind.CONSENT),
    "INSTITUTION_NO_LONGER_SUPPORTED": VerdictKind.CONTRACT,
    "PRODUCT_NOT_READY": VerdictKind.NOT_READY,
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": VerdictKind.RESTART,
}
_KIND_BY_TYPE: Final = {
    "API_ERROR": VerdictKind.TRANSIENT,
    "INSTITUTION_ERROR": VerdictKind.TRANSIENT,
    "RATE_LIMIT_EXCEEDED": VerdictKind.THROTTLED,
}
_WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


class _Error(msgspec.Struct):
    error_type: str
    error_code: str
    error_message: str = ""
    error_code_reason: str | None = None


class _Item(msgspec.Struct):
    error: _Error | None = None
    consent_expiration_time: datetime | None = None


class _OfItem(msgspec.Struct):
    item: _Item


_ERROR: Final = msgspec.json.Decoder(_Error)
_OF_ITEM: Final = msgspec.json.Decoder(_OfItem)


def verdict_of(response: Response, now: datetime) -> Verdict:
    """Say what an answer means: by its status, by the error in it, by the Item that it tells of."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return _of_item(response.body, now) or verdict
    return _refusal(response, verdict)


def is_gone(response: Response) -> bool:
    """Tell whether the answer says that there is no such Item any more."""
    error = _error_in(response.body)
    return (
        response.status >= HTTPStatus.BAD_REQUEST and error is not None and error.error_code in GONE
    )


def check(response: Response) -> bytes:
    """Return the body of a good answer while linking. Raises OAuthError, OAuthUnavailable."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return response.body
    error = _error_in(response.body)
    code = _word(error) if error else f"{response.status}"
    kind = _refusal(response, verdict).kind
    if kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
        raise OAuthUnavailable(
            f"Plaid cannot answer now ({code}).", retry_after=response.headers.get("retry-after")
        )
    remedy = ask_person("Nothing was linked. Begin again.")
    if code in _KEYS:
        remedy = fix_code(CHECK_KEYS)
    raise OAuthError(f"Plaid refused ({code}).", remedy=remedy)


def _refusal(response: Response, verdict: Verdict) -> Verdict:
    error = _error_in(response.body)
    if error is None or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return verdict
    return _meaning(error, verdict)


def _meaning(error: _Error, verdict: Verdict) -> Verdict:
    code, said = error.error_code, f"Plaid says: {_word(error)}."
    if code == "INVALID_FIELD" and "cursor" in error.error_message.lower():
        return Verdict(VerdictKind.CURSOR_LOST, "Plaid does not know our cursor any more.")
    kind = _KIND_BY_CODE.get(code) or _KIND_BY_TYPE.get(error.error_type)
    if kind is VerdictKind.CONSENT:
        return Verdict(kind, said, _state(error))
    if kind is VerdictKind.NOT_READY:
        return Verdict(kind)
    if code in _KEYS:
        return Verdict(VerdictKind.CONTRACT, f"{said} {CHECK_KEYS}")
    if kind is None or verdict.kind is VerdictKind.THROTTLED:
        kind = verdict.kind
    return Verdict(kind, said)


def _state(error: _Error) -> ConsentState:
    if error.error_code in _REVOKED:
        return ConsentState.REVOKED
    return _REASONS.get(error.error_code_reason or "", ConsentState.LOGIN_REQUIRED)


def _of_item(body: bytes, now: datetime) -> Verdict | None:
    """Return what an Item says of itself; Plaid goes on answering for one that needs its person."""
    if b'"consent_expiration_time"' not in body:
        return None
    try:
        item = _OF_ITEM.decode(body).item
    except CANNOT_READ:
        return None
    if item.error is not None:
        verdict = _meaning(item.error, Verdict(VerdictKind.OK))
        if verdict.kind is VerdictKind.CONSENT:
            return verdict
    ends = item.consent_expiration_time
    if ends is None or ends.tzinfo is None or warned(ends, now) is None:
        return None
    return Verdict(VerdictKind.OK, "The consent ends soon.", ConsentState.EXPIRING)


def _error_in(body: bytes) -> _Error | None:
    try:
        return _ERROR.decode(body)
    except CANNOT_READ:
        return None


def _word(error: _Error) -> str:
    """Return the code, if it is one: what a stranger sends does not get into our words."""
    return error.error_code if _WORD.fullmatch(error.error_code) else "an error without a code"
