"""What SnapTrade's answers mean (https://docs.snaptrade.com/docs/ratelimiting, and its OpenAPI).

An error is a JSON object with `detail`, `status_code` and `code`. A 429 may tell in its `detail`
alone when to come back: `Request was throttled. Expected available in 7 seconds.`
"""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.wire import CANNOT_READ
from penstock.domain.consent import ConsentState
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.request import Response

_SECONDS: Final = re.compile(r"available in (\d{1,6})(?:\.\d{1,9})? second")
_RESETS: Final = {
    "x-ratelimit-remaining": "x-ratelimit-reset",
    "x-ratelimit-account-remaining": "x-ratelimit-account-reset",
}
_SPAN: Final = re.compile(r"\d{1,6}")


class _Error(msgspec.Struct):
    detail: str = ""


_ERROR: Final = msgspec.json.Decoder(_Error)


def verdict_of(response: Response) -> Verdict:
    """Return what an answer means."""
    match response.status:
        case HTTPStatus.UNAUTHORIZED:
            message = "SnapTrade did not accept our token or key (401)."
            return Verdict(VerdictKind.UNAUTHORIZED, message)
        case HTTPStatus.FORBIDDEN:
            message = "SnapTrade does not let us read this any more (403)."
            return Verdict(VerdictKind.CONSENT, message, ConsentState.LOGIN_REQUIRED)
        case HTTPStatus.TOO_EARLY:
            message = "SnapTrade has not gathered this from the broker yet (425)."
            return Verdict(VerdictKind.NOT_READY, message)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return replace(by_status(response), wait=_wait(response))
        case _:
            return by_status(response)


def _wait(response: Response) -> float | None:
    """Return when the limit that we hit ends, as its headers say, or else the words."""
    headers = response.headers
    resets = [
        float(headers[reset])
        for remaining, reset in _RESETS.items()
        if headers.get(remaining) == "0" and _SPAN.fullmatch(headers.get(reset, ""))
    ]
    if resets:
        return max(resets)
    try:
        detail = _ERROR.decode(response.body).detail
    except CANNOT_READ:
        return None
    found = _SECONDS.search(detail)
    return None if found is None else float(found[1])
