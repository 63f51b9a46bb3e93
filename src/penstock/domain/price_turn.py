"""When an instrument is asked for next, after a price and after none.

A market that moves is asked every so often (domain/market_hours.py). A price that is the same as
before, of the same instant, in an open session, says that there is a holiday, or that the source
has a new one but once a day: each time the wait is twice as long. What failed is tried again sooner
or later by what it was: a source that is out of order soon, one that was redesigned after hours, a
symbol that nobody knows after a day. A first price that nobody confirmed waits for whoever could.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from penstock.domain.market_hours import Due, next_price, opened
from penstock.domain.quote import (
    NoSource,
    QuoteError,
    RetryLater,
    SourceDisabled,
    SourceUnavailable,
    Suspicious,
    SymbolNotFound,
    Unconfirmed,
)

UNPRICED: Final = frozenset(["no_source", "source_disabled"])
"""Codes that cost no request, and that only another setting ends."""

SUSPICIOUS: Final = frozenset(["suspicious", "suspicious100x", "suspicious_jump"])
"""Codes of prices at which a person has to look."""

_LONGEST_UNMOVED: Final = timedelta(hours=4)
_MOST_DOUBLINGS: Final = 12
_SPREAD: Final = 0.2
_UNKNOWN: Final = timedelta(days=1)
_SUSPICIOUS: Final = timedelta(hours=3)
_REDESIGNED: Final = timedelta(hours=2), timedelta(days=1)
_OUTAGE: Final = timedelta(minutes=1), timedelta(hours=1)
_LONGEST_BAN: Final = timedelta(days=2)
_TOLD_TO_WAIT: Final = timedelta(minutes=15), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an instrument's prices, from one turn to the next.

    `failures` are those in a row, `unmoved` how often in a row nothing had moved in a session.
    `price_as_of` is of the last price that came, `last_code` why the last turn brought none.
    """

    asked_at: datetime | None = None
    failures: int = 0
    unmoved: int = 0
    last_ok_at: datetime | None = None
    price_as_of: datetime | None = None
    last_code: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, how late the source tells prices, and where chance puts this one."""

    every: timedelta
    delay: timedelta
    chance: float


def after_price(
    instrument: str, known: Known, as_of: datetime, *, now: datetime, pace: Pace, kept: bool
) -> tuple[Known, Due]:
    """Return what is known after a price came, and when to ask next.

    `kept`: nobody was asked, the answer was still fresh. It says nothing of what moves.
    """
    session = opened(instrument, now, delay=pace.delay)
    first = session is not None and (known.asked_at is None or known.asked_at < session)
    moved = known.price_as_of is None or as_of > known.price_as_of
    unmoved = 0 if first or moved else known.unmoved + (not kept)
    newest = as_of if known.price_as_of is None else max(as_of, known.price_as_of)
    after = Known(now, 0, unmoved, now, newest, None)
    longer = pace.every * (1 << min(unmoved, _MOST_DOUBLINGS))
    every = max(pace.every, min(longer, _LONGEST_UNMOVED))
    due = next_price(instrument, now, every=every, delay=pace.delay, chance=pace.chance)
    return after, due


def after_failure(
    known: Known, error: QuoteError, *, now: datetime, chance: float
) -> tuple[Known, Due]:
    """Return what is known after no price came, and when to try again."""
    failures = known.failures + 1
    after = replace(known, asked_at=now, failures=failures, last_code=error.code)
    # What nobody confirmed is asked for again as soon as the first that could may be asked again.
    reasons = error.reasons if isinstance(error, Unconfirmed) and error.reasons else (error,)
    at = min(_next_try(one, failures, now, chance) for one in reasons)
    return after, Due(at, at)


def _next_try(error: QuoteError, failures: int, now: datetime, chance: float) -> datetime:
    if isinstance(error, RetryLater) and error.retry_at is not None and error.retry_at > now:
        return min(error.retry_at, now + _LONGEST_BAN) + _OUTAGE[0] * chance
    return now + _wait(error, failures) * (1 + _SPREAD * chance)


def _wait(error: QuoteError, failures: int) -> timedelta:
    match error:
        case SymbolNotFound() | NoSource() | SourceDisabled():
            return _UNKNOWN
        case Suspicious():
            return _SUSPICIOUS
        case RetryLater():
            return _doubled(_TOLD_TO_WAIT, failures)
        case SourceUnavailable() | Unconfirmed():
            return _doubled(_OUTAGE, failures)
        case _:  # redesigned, walled in, out of date: what a person or the site has to change
            return _doubled(_REDESIGNED, failures)


def _doubled(bounds: tuple[timedelta, timedelta], failures: int) -> timedelta:
    first, most = bounds
    return min(first * (1 << min(failures - 1, _MOST_DOUBLINGS)), most)
