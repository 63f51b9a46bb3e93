"""Monzo's refusals: a `code` in dots, the more exact the further it goes. Pure functions.

After the documentation (docs.monzo.com, Errors), which names HTTP statuses only, and the codes that
programs have met: `unauthorized.bad_access_token.expired` and `.evicted` (there is a newer token
for this person), `forbidden.insufficient_permissions` (not approved in the app yet),
`forbidden.verification_required` (older than Monzo tells now), `bad_request.invalid_time_range`
(more than a year at once), `unauthorized.bad_refresh_token`, `.evicted` too.
"""

import re
from http import HTTPStatus
from typing import Final

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.wire import CANNOT_READ
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.request import Response

APPROVE: Final = (
    "Open the Monzo app on your phone, and allow access there: until then Monzo tells nothing. "
    "Where the app asks nothing, renew the connection."
)
EVICTED: Final = "Another access token was given for you, and Monzo forgot this one (401)."
_CODE: Final = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40}){0,5}")


class _Error(msgspec.Struct):
    code: str = ""


_ERROR: Final = msgspec.json.Decoder(_Error)


def code_in(response: Response) -> str:
    """Return the code of a refusal, the empty text where there is none that looks like one."""
    try:
        code = _ERROR.decode(response.body).code
    except CANNOT_READ:
        return ""
    return code if _CODE.fullmatch(code) else ""


def verdict_of(response: Response) -> Verdict:
    """Say what an answer means.

    Any `forbidden…` is the person's to mend, in the app: what has been approved is answered.
    """
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return verdict
    code = code_in(response)
    if response.status == HTTPStatus.FORBIDDEN and code.startswith("forbidden"):
        return Verdict(VerdictKind.NOT_READY, APPROVE)
    if verdict.kind is VerdictKind.UNAUTHORIZED and code.endswith(".evicted"):
        return Verdict(verdict.kind, EVICTED)
    if verdict.kind is VerdictKind.CONTRACT and code:
        return Verdict(verdict.kind, f"Monzo answered {response.status}: {code}.")
    return verdict


def is_dead(response: Response) -> bool:
    """Tell whether the answer to a refresh means that its token opens nothing any more."""
    return code_in(response).startswith("unauthorized.bad_refresh_token")
