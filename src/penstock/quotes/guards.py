"""What an answer must be before a price is read from it; what it is instead is refused by name.

A wall that asks for consent, a page that wants a browser, a page about something else: all of
them come with status 200 and numbers in them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from penstock.domain.option import variable
from penstock.domain.quote import (
    BotChallenge,
    ConsentWall,
    LayoutChanged,
    QuotaSpent,
    QuoteError,
    RateLimited,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.remedy import ask_person
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration, Json, Means, Rates, fill, fits
from penstock.quotes.retry import retry_at
from penstock.quotes.symbol import Symbol

_GONE: Final = frozenset([HTTPStatus.NOT_FOUND, HTTPStatus.GONE])
_KEPT_OUT: Final = frozenset([HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])


def check_page(source: Declaration, response: Response, now: datetime) -> None:
    """Return if an answer is what the source answers. Raises the QuoteError that says why not."""
    _check_blocked(source, response, now)
    _check_place(source, response)
    _check_status(source, response, now)
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if source.guards.type and kind != source.guards.type:
        raise LayoutChanged(f"{source.title} answered with {kind or 'nothing'} instead of a page.")
    if not response.proven and not _show_their_end(source):
        raise SourceUnavailable(
            f"{source.title} did not say how long its answer is: it may have been cut short."
        )


def _show_their_end(source: Declaration) -> bool:
    """Say whether what a source answers are documents that are none without their end."""
    return all(type(way) in (Json, Rates) for way in source.extract)


def check_about(source: Declaration, symbol: Symbol, body: bytes) -> None:
    """Return if an answer is about the symbol. Raises WrongSymbol."""
    if not source.guards.must_contain:
        return
    words = source.words(symbol)
    for text in source.guards.must_contain:
        if fits(text, words) and fill(text, words).encode() not in body:
            raise WrongSymbol(f"What {source.title} answered is not about {symbol}.")


def redirection(source: Declaration, response: Response) -> str | None:
    """Return where an answer sends us on the source's own hosts, None if nowhere."""
    target = _target(response)
    return target if target and _is_ours(source, target) else None


def _check_blocked(source: Declaration, response: Response, now: datetime) -> None:
    places = [place for place in (response.url, _target(response)) if place]
    for sign in source.guards.blocked:
        if sign.status is not None and sign.status != response.status:
            continue
        by_status = sign.status is not None and not (sign.url or sign.text)
        by_place = sign.url and any(place.startswith(sign.url) for place in places)
        if by_place or by_status or (sign.text and sign.text.encode() in response.body):
            raise _MEANINGS[sign.means](source, response, now)


def _check_place(source: Declaration, response: Response) -> None:
    target = _target(response)
    for place in filter(None, (response.url, target)):
        if not _is_ours(source, place):
            host = urlsplit(place).hostname
            raise LayoutChanged(
                f"{source.title} sends us to {host}, which its declaration has not."
            )
    if target:
        raise SourceUnavailable(f"{source.title} sends us around in circles.")


def _check_status(source: Declaration, response: Response, now: datetime) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    if status in _GONE:
        raise SymbolNotFound(f"{source.title} does not know this symbol.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise _throttled(source, response, now)
    if status in _KEPT_OUT and source.auth:
        raise _unkeyed(source, response, now)
    if status in _KEPT_OUT:
        raise BotChallenge(f"{source.title} keeps programs out ({status}).")
    raise SourceUnavailable(f"{source.title} answered with status {status}.")


def _target(response: Response) -> str | None:
    """Return the absolute address of a redirect's Location."""
    location = response.headers.get("location")
    if response.status // 100 != 3 or not location:  # noqa: PLR2004 - redirects are 3xx
        return None
    try:
        return urljoin(response.url, location)
    except ValueError:
        return None


def _is_ours(source: Declaration, place: str) -> bool:
    try:
        parts = urlsplit(place)
    except ValueError:
        return False
    schemes = {urlsplit(address).scheme for address in source.ask.addresses}
    return parts.netloc in source.hosts and parts.scheme in schemes


def _throttled(source: Declaration, response: Response, now: datetime) -> QuoteError:
    return RateLimited(
        f"{source.title} says that we ask too often.", retry_at=retry_at(response, now)
    )


def _spent(source: Declaration, response: Response, now: datetime) -> QuoteError:
    return QuotaSpent(
        f"{source.title} gives no more prices for now.", retry_at=retry_at(response, now)
    )


def _consent(source: Declaration, _: Response, __: datetime) -> QuoteError:
    return ConsentWall(f"{source.title} shows a consent page instead of the price.")


def _challenge(source: Declaration, _: Response, __: datetime) -> QuoteError:
    return BotChallenge(f"{source.title} wants a browser instead of showing the price.")


def _unknown(source: Declaration, _: Response, __: datetime) -> QuoteError:
    return SymbolNotFound(f"{source.title} does not know this symbol.")


def _unkeyed(source: Declaration, response: Response, _: datetime) -> QuoteError:
    settings = " and ".join(variable(f"{source.id}_{option.name}") for option in source.options)
    return SourceUnavailable(
        f"{source.title} does not take our key, or this is not in its plan ({response.status}).",
        remedy=ask_person(f"Check {settings}, and what the plan behind it includes."),
    )


def _refused(source: Declaration, _: Response, __: datetime) -> QuoteError:
    return SourceUnavailable(f"{source.title} gave a reason why not in place of a price.")


_MEANINGS: Final[Mapping[Means, Callable[[Declaration, Response, datetime], QuoteError]]] = {
    Means.CONSENT: _consent,
    Means.CHALLENGE: _challenge,
    Means.THROTTLED: _throttled,
    Means.QUOTA: _spent,
    Means.UNKNOWN: _unknown,
    Means.REFUSED: _refused,
    Means.KEY: _unkeyed,
}
