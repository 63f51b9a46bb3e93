"""What NextGenPSD2's errors mean (version 1.3.12): `tppMessages`, or a problem with a `code`."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.berlin_quota import until_tomorrow
from penstock.connectors.wire import CANNOT_READ
from penstock.domain.consent import ConsentState
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.request import Response

_OVER: Final = {
    "CONSENT_EXPIRED": ConsentState.EXPIRED,
    "CONSENT_UNKNOWN": ConsentState.REVOKED,
    "CONSENT_INVALID": ConsentState.LOGIN_REQUIRED,
    "PSU_CREDENTIALS_INVALID": ConsentState.LOGIN_REQUIRED,
    "TOKEN_EXPIRED": ConsentState.LOGIN_REQUIRED,
    "TOKEN_INVALID": ConsentState.LOGIN_REQUIRED,
    "TOKEN_UNKNOWN": ConsentState.LOGIN_REQUIRED,
}
_OURS: Final = {
    "CERTIFICATE_INVALID": "our certificate is none that it takes",
    "CERTIFICATE_EXPIRED": "our certificate has run out",
    "CERTIFICATE_BLOCKED": "our certificate is blocked",
    "CERTIFICATE_REVOKED": "our certificate was revoked",
    "CERTIFICATE_MISSING": "it wants a certificate",
    "ROLE_INVALID": "our certificate does not allow reading accounts",
    "SIGNATURE_INVALID": "it wants requests to be signed, in another way",
    "SIGNATURE_MISSING": "it wants requests to be signed, which is not supported",
    "PERIOD_INVALID": "it does not go back so far: set fewer days of history",
    "TIMESTAMP_INVALID": "it does not take the days that were asked for",
    "PARAMETER_NOT_SUPPORTED": "it does not know what was asked for: try another booking status",
    "SESSIONS_NOT_SUPPORTED": "it wants a consent that reads only, which it was asked for",
    "SERVICE_INVALID": "it has no such service for these accounts",
}
EXCEEDED: Final = "ACCESS_EXCEEDED"
_WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


class _Said(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct, rename="camel"):
    tpp_messages: list[_Said] = []
    code: str = ""
    additional_errors: list[_Said] = []


_ERROR: Final = msgspec.json.Decoder(_Error)


def verdict_of(response: Response, now: datetime, zone: ZoneInfo) -> Verdict:
    """Say what an answer means."""
    verdict = by_status(response)
    if verdict.kind in {VerdictKind.OK, VerdictKind.TRANSIENT}:
        return verdict
    codes = codes_in(response.body)
    if verdict.kind is VerdictKind.THROTTLED:
        said = "The bank answers four times a day while nobody is there, and has done so."
        return until_tomorrow(now, zone, said) if EXCEEDED in codes else verdict
    for code in codes:
        if code in _OVER:
            return Verdict(VerdictKind.CONSENT, f"The bank says: {code}.", _OVER[code])
        if code in _OURS:
            return Verdict(VerdictKind.CONTRACT, f"The bank says that {_OURS[code]} ({code}).")
    if response.status == HTTPStatus.UNAUTHORIZED:
        message = "The bank no longer lets us in (401)."
        return Verdict(VerdictKind.CONSENT, message, ConsentState.LOGIN_REQUIRED)
    return Verdict(verdict.kind, f"The bank answered {response.status} {', '.join(codes)}".strip())


def check(response: Response) -> bytes:
    """Return the body of a good answer while linking. Raises OAuthError, OAuthUnavailable."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return response.body
    codes = codes_in(response.body)
    said = ", ".join(codes) or str(response.status)
    if verdict.kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
        raise OAuthUnavailable(
            f"The bank cannot answer now ({said}).", retry_after=response.headers.get("retry-after")
        )
    ours = next((_OURS[code] for code in codes if code in _OURS), None)
    remedy = ask_person("Nothing was linked. Begin again.")
    if ours is not None:
        remedy = fix_code(f"The bank says that {ours}: see how it is set up.")
    raise OAuthError(f"The bank refused ({said}).", remedy=remedy)


def codes_in(body: bytes) -> list[str]:
    """Return the codes that an error names, in either of its two forms."""
    try:
        error = _ERROR.decode(body)
    except CANNOT_READ:
        return []
    said = [*(one.code for one in (*error.tpp_messages, *error.additional_errors)), error.code]
    return [code for code in dict.fromkeys(said) if _WORD.fullmatch(code)]
