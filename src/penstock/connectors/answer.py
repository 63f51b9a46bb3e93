"""What HTTP itself says of an answer, before a provider's own words are read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from penstock.connectors.wire import broken
from penstock.domain.protocol import Verdict, VerdictKind
from penstock.domain.request import Response

_TRANSIENT: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.MISDIRECTED_REQUEST}
)
OK: Final = Verdict(VerdictKind.OK)


def by_status(response: Response) -> Verdict:
    """Return what an answer means by its status alone (RFC 9110 §15, RFC 6585 §4)."""
    status = response.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return OK
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict(VerdictKind.THROTTLED, "The bank asks us to slow down (429).")
    if status == HTTPStatus.UNAUTHORIZED:
        return Verdict(VerdictKind.UNAUTHORIZED, "The bank did not accept the token (401).")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
        return Verdict(VerdictKind.TRANSIENT, f"The bank has trouble of its own ({status}).")
    return Verdict(VerdictKind.CONTRACT, f"The bank answered {status}.")


def response_of(response: Response | None) -> Response:
    """Return what was sent for a request. Raises TypeError where a driver sent nothing."""
    if response is None:
        raise TypeError("A yielded request is answered with its response.")
    return response


def answered_at(headers: Mapping[str, str], what: str) -> datetime:
    """Return when an answer was made, for banks whose balance does not say as of when it is.

    From the `Date` header, which every server with a clock sends (RFC 9110 §6.6.1). Raises
    ContractBroken where there is none.
    """
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        raise broken(what, "the answer has no `Date`") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
