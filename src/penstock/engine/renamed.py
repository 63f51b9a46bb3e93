"""Whether a position that is told by other names than before tells of a change of names.

Where the ticker changed on one exchange and the ISIN, the CUSIP or the FIGI stayed, it does. Where
only the provider's own id stayed, or the ISIN itself changed, it may be another thing that got an
old one's place: that is suggested, and a person decides. Another exchange is no other name.
"""

from datetime import UTC, datetime
from typing import Final

from penstock.domain.security_event import Event, EventKind, EventState
from penstock.domain.telling import Telling, valid_ticker

_UNKNOWN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def renamed(before: Telling, after: Telling) -> Event | None:
    """Return the change of names that two tellings of one position tell; None: there is none.

    Of no security yet, and made at no time.
    """
    ticker = _other_ticker(before, after)
    isin = bool(before.isin and after.isin and before.isin != after.isin)
    if not ticker and not isin:
        return None
    if ticker and isin:
        return None  # another thing, by all that is told
    sure = ticker and _is_known(before, after)
    changed = f"{before.isin} is told as {after.isin}" if isin else _tickers(before, after)
    return Event(
        id=0,
        security_id=0,
        kind=EventKind.RENAME,
        state=EventState.ACCEPTED if sure else EventState.OPEN,
        day=after.since,
        source=after.source,
        reason=f"{changed}, for the same position.",
        created_at=_UNKNOWN,
        old_ticker=valid_ticker(before.ticker) if ticker else None,
        old_mic=before.mic if ticker else None,
        old_isin=before.isin if isin else None,
        new_ticker=valid_ticker(after.ticker) if ticker else None,
        new_mic=after.mic if ticker else None,
        new_isin=after.isin if isin else None,
    )


def may_be_one(before: Telling, after: Telling, change: Event | None) -> bool:
    """Say whether what a person said of a position still holds, now that it tells other names."""
    if change is not None:
        return change.state is EventState.ACCEPTED
    isins, tickers = {before.isin, after.isin}, {before.ticker, after.ticker}
    return len(isins - {None}) <= 1 and len(tickers - {None}) <= 1


def _other_ticker(before: Telling, after: Telling) -> bool:
    old, new = valid_ticker(before.ticker), valid_ticker(after.ticker)
    return bool(old and new and old != new and before.mic and before.mic == after.mic)


def _is_known(before: Telling, after: Telling) -> bool:
    pairs = (before.isin, after.isin), (before.cusip, after.cusip), (before.figi, after.figi)
    return any(old and old == new for old, new in pairs)


def _tickers(before: Telling, after: Telling) -> str:
    return f"{before.listing} is told as {after.listing}"
