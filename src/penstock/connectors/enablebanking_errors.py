"""What Enable Banking's errors mean (https://enablebanking.com/docs/api/reference/).

An error is a JSON object whose `error` is a word. A session that is over says so in the `status`
of a good answer too.
"""

import re
from datetime import timedelta
from typing import Final

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.wire import CANNOT_READ
from penstock.domain.consent import ConsentState
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.request import Response

LIMIT: Final = "ASPSP_RATE_LIMIT_EXCEEDED"
LEFT_ALONE: Final = timedelta(hours=6)
"""How long a bank is to be left alone that has had enough (https://enablebanking.com/docs/faq/)."""

_OVER: Final = {
    "EXPIRED_SESSION": ConsentState.EXPIRED,
    "REVOKED_SESSION": ConsentState.REVOKED,
    "CLOSED_SESSION": ConsentState.REVOKED,
    "SESSION_DOES_NOT_EXIST": ConsentState.REVOKED,
    "WRONG_SESSION_STATUS": ConsentState.LOGIN_REQUIRED,
    "ACCESS_DENIED": ConsentState.LOGIN_REQUIRED,
    "ASPSP_PSU_ACTION_REQUIRED": ConsentState.LOGIN_REQUIRED,
}
_ENDED: Final = {
    "EXPIRED": ConsentState.EXPIRED,
    "REVOKED": ConsentState.REVOKED,
    "CLOSED": ConsentState.REVOKED,
    "CANCELLED": ConsentState.REVOKED,
    "INVALID": ConsentState.LOGIN_REQUIRED,
}
_OURS: Final = {
    "UNAUTHORIZED_ACCESS": "check the application's id and its key",
    "WRONG_CREDENTIALS_PROVIDED": "check the application's id and its key",
    "UNAUTHORIZED_IP": "the application may not be used from this address",
    "INVALID_HOST": "check the address of the API",
    "REDIRECT_URI_NOT_ALLOWED": "register the address to come back to with the application",
    "PSU_HEADER_NOT_PROVIDED": "this bank is told only while its customer is there",
    "WRONG_TRANSACTIONS_PERIOD": "the bank does not tell of days that long ago: renew the consent",
}
_KINDS: Final = {
    "ASPSP_ERROR": VerdictKind.TRANSIENT,
    "ASPSP_TIMEOUT": VerdictKind.TRANSIENT,
    "WRONG_CONTINUATION_KEY": VerdictKind.RESTART,
}
_WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


class _Error(msgspec.Struct):
    error: str = ""


class _Session(msgspec.Struct):
    status: str


_ERROR: Final = msgspec.json.Decoder(_Error)
_SESSION: Final = msgspec.json.Decoder(_Session)


def verdict_of(response: Response) -> Verdict:
    """Say what an answer means."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return _of_session(response) or verdict
    code = code_in(response.body)
    if verdict.kind is VerdictKind.THROTTLED:
        wait = LEFT_ALONE.total_seconds() if code == LIMIT else None
        return Verdict(verdict.kind, f"{verdict.message} {code}".strip(), wait=wait)
    return _refusal(code, response, verdict)


def _refusal(code: str, response: Response, verdict: Verdict) -> Verdict:
    said = f"Enable Banking says: {code}." if code else f"The answer was {response.status}."
    if code in _OVER:
        return Verdict(VerdictKind.CONSENT, said, _OVER[code])
    if code in _OURS or verdict.kind is VerdictKind.UNAUTHORIZED:
        advice = _OURS.get(code, _OURS["UNAUTHORIZED_ACCESS"])
        return Verdict(VerdictKind.CONTRACT, f"{said} Please {advice}.")
    return Verdict(_KINDS.get(code, verdict.kind), said)


def check(response: Response) -> bytes:
    """Return the body of a good answer while linking. Raises OAuthError, OAuthUnavailable."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return response.body
    code = code_in(response.body)
    said = code or str(response.status)
    kind = _KINDS.get(code, verdict.kind)
    if kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
        raise OAuthUnavailable(
            f"The bank cannot answer now ({said}).", retry_after=response.headers.get("retry-after")
        )
    remedy = ask_person("Nothing was linked. Begin again.")
    if code in _OURS or verdict.kind is VerdictKind.UNAUTHORIZED:
        advice = _OURS.get(code, _OURS["UNAUTHORIZED_ACCESS"])
        remedy = fix_code(f"{advice[0].upper()}{advice[1:]}.")
    raise OAuthError(f"Enable Banking refused ({said}).", remedy=remedy)


def is_over(response: Response) -> bool:
    """Tell whether an answer says that there is no such session any more."""
    return by_status(response).kind is not VerdictKind.OK and code_in(response.body) in _OVER


def code_in(body: bytes) -> str:
    """Return the word of an error; nothing where there is none."""
    try:
        code = _ERROR.decode(body).error
    except CANNOT_READ:
        return ""
    return code if _WORD.fullmatch(code) else ""


def _of_session(response: Response) -> Verdict | None:
    """Return what a session's own answer says of it, where it is over."""
    if "/sessions/" not in response.url:
        return None
    try:
        status = _SESSION.decode(response.body).status
    except CANNOT_READ:
        return None
    if status not in _ENDED:
        return None
    return Verdict(VerdictKind.CONSENT, "The session is over.", _ENDED[status])
