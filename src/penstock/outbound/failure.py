"""Every error of the HTTP library and the system, in our own words, in this one place.

The words name the host and never the rest of the address: paths and queries hold secrets.
"""

import errno
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from penstock.domain.errors import TransportFailure
from penstock.domain.remedy import Remedy, fix_code, wait
from penstock.outbound.destination import Refused, refusal

FOREIGN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, UnicodeError)
"""What may come out of the library; everything else is a bug of ours and passes through."""

_AGAIN: Final = wait("Try again a little later; a sync does so by itself.")
_MACHINE: Final = fix_code("Check this machine's clock and its certificates.")


# The first that fits; a subclass stands before its base.
_WORDS: Final[tuple[tuple[type[BaseException], str, Remedy], ...]] = (
    (aiohttp.ClientConnectorDNSError, "cannot be found: its name does not resolve", _AGAIN),
    (aiohttp.ClientConnectorCertificateError, "shows a certificate that is not valid", _MACHINE),
    (aiohttp.ClientSSLError, "does not agree with us on TLS", _MACHINE),
    (aiohttp.ClientConnectorError, "cannot be reached ({reason})", _AGAIN),
    (TimeoutError, "did not answer in full within {deadline:g} s", _AGAIN),
    (aiohttp.ServerDisconnectedError, "hung up before it answered", _AGAIN),
    (aiohttp.ClientPayloadError, "cut its answer short, or encoded it wrongly", _AGAIN),
    (aiohttp.ClientResponseError, "answered in what is not HTTP", _AGAIN),
    (HttpProcessingError, "answered in what is not HTTP", _AGAIN),
    (BaseException, "broke the connection ({reason})", _AGAIN),
)


def translate(error: BaseException, host: str, deadline: float) -> TransportFailure:
    """Return what `error`, met while asking `host`, is to us; raise it `from error`."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(inner, Refused):
        return refusal(f"{host} leads to an address that is not public.")
    if isinstance(inner, aiohttp.InvalidURL | UnicodeError):
        return refusal(f"{host} is not a name that can be asked for.")
    words, remedy = next(
        (words, remedy) for kind, words, remedy in _WORDS if isinstance(error, kind)
    )
    said = words.format(reason=_reason(inner), deadline=deadline)
    return TransportFailure(f"{host} {said}.", remedy=remedy)


def _reason(error: BaseException) -> str:
    """Return the system's short name for what happened; its full text may hold addresses."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
