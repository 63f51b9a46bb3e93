"""What an authorization server's answer means; nothing that it sends gets into an error's text.

RFC 6749 §5. An answer that is no token must never be taken for one: not a 429 in JSON, not a page
in HTML, not a redirect (security.md O4). And only `invalid_grant` means that the tokens are dead;
after anything else they are as good as before (O7).
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn

from penstock.domain.errors import GrantRefused, OAuthError, OAuthUnavailable
from penstock.domain.remedy import Remedy, ask_person, fix_code
from penstock.domain.request import Response

MOST_BYTES: Final = 64 * 1024

_BUSY: Final = frozenset([HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS])
_BUSY_CODES: Final = frozenset(["temporarily_unavailable", "server_error", "slow_down"])
_CLIENT_CODES: Final = frozenset(["invalid_client", "unauthorized_client"])
# Codes are words of the standards. A token that a server echoes here does not look like one.
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")

_AGAIN: Final = ask_person("Nothing was changed. Begin again if you want to link the bank.")
_CLIENT: Final = fix_code("Check the client id and secret that the connector was given.")
_REPORT: Final = fix_code("Nothing was changed. If it stays so, the connector must be mended.")


def read_object(response: Response) -> Mapping[str, object]:
    """Return the JSON object of a good answer.

    Raises GrantRefused for `invalid_grant`, OAuthUnavailable where the server is busy or broken,
    OAuthError for every other refusal and for nonsense.
    """
    _check_status(response)
    answer = _object(response.body)
    if answer is not None and answer.get("error") is not None:
        raise refusal(answer["error"])
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise nonsense(f"answered {response.status}")
    if answer is None:
        raise nonsense("did not answer with one JSON object")
    return answer


def check_done(response: Response) -> None:
    """Make sure that a request without an answer of its own was done. Raises as `read_object`."""
    if not _is_good(response.status):
        read_object(response)


def refusal(error: object) -> OAuthError:
    """Return the error for an `error` code, of the token endpoint or of a callback."""
    code = error if isinstance(error, str) and _CODE.fullmatch(error) else ""
    if code == "invalid_grant":
        return GrantRefused()
    if code in _BUSY_CODES:
        return OAuthUnavailable(f"The bank cannot answer now ({code}).", code=code)
    if code == "access_denied":
        return OAuthError("The consent was not given.", code=code, remedy=_AGAIN)
    named = f" ({code})" if code else ""
    return OAuthError(f"The bank refused{named}.", code=code, remedy=_remedy(code))


def nonsense(what: str) -> OAuthError:
    """Return the error for an answer that the standard does not allow."""
    return OAuthError(f"The authorization server {what}.", remedy=_REPORT)


def misdeclared(what: str) -> OAuthError:
    """Return the error for a plan that contradicts itself."""
    return OAuthError(
        f"The connector's OAuth plan cannot be used: {what}.",
        remedy=fix_code("Mend the connector's declaration."),
    )


def said(text: str) -> str:
    """Return a text of the connector's as it may stand in an error."""
    return _UNPRINTABLE.sub("?", text)[:200]


def _remedy(code: str) -> Remedy:
    return _CLIENT if code in _CLIENT_CODES else _REPORT


def _check_status(response: Response) -> None:
    status = response.status
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY:
        raise OAuthUnavailable(
            f"The authorization server answered {status}.",
            retry_after=response.headers.get("retry-after"),
        )
    if status < HTTPStatus.BAD_REQUEST and not _is_good(status):
        raise nonsense(f"answered {status}, and we follow no redirect with a secret in hand")


def _is_good(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _object(body: bytes) -> Mapping[str, object] | None:
    """Return the body as one JSON object of distinct names and finite numbers, or None."""
    if len(body) > MOST_BYTES:
        return None
    try:
        parsed = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_distinct
        )
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
