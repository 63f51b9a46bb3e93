"""What a security is called today, given all that was told of it and its changes of names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from penstock.domain.holding import SecurityType
from penstock.domain.renaming import Renaming
from penstock.domain.telling import (
    PERSON,
    Telling,
    cusip_within,
    instrument_of,
    valid_ticker,
)


@dataclass(frozen=True, slots=True)
class Known:
    """A security's names of today. `instrument`: what our quotes call it, None if uncertain."""

    name: str
    type: SecurityType
    currency: str
    ticker: str | None
    mic: str | None
    isin: str | None
    figi: str | None
    cusip: str | None
    instrument: str | None


def known_as(tellings: Iterable[Telling], renamings: Iterable[Renaming] = ()) -> Known:
    """Return what is known of the security that these are about; there is at least one.

    A person's word counts first; then what is told still, the longest told first, so that a
    second broker's other market changes nothing.
    """
    told = sorted(tellings, key=_weight)
    changes = sorted(renamings, key=lambda one: (one.day, repr(one)))
    listed = next((one for one in told if one.listing), None)
    ticker, mic = next((valid_ticker(one.ticker) for one in told if one.ticker), None), None
    if listed is not None:
        ticker, mic = _today(listed, changes)
    isin = _first(told, lambda one: one.isin)
    for change in changes:
        isin = change.new_isin or isin if isin and change.old_isin == isin else isin
    first = told[0]
    kind = next((one.type for one in told if one.type is not SecurityType.OTHER), first.type)
    spoken = [one for one in told if one.source != PERSON]
    currency = (listed and listed.currency) or _first(told, lambda one: one.currency) or ""
    known = Telling(
        number=0,
        source="",
        type=kind,
        since=first.since,
        ticker=ticker,
        mic=mic,
        isin=isin,
        figi=_first(told, lambda one: one.figi),
        cusip=(isin and cusip_within(isin)) or _first(told, lambda one: one.cusip),
        currency=currency,
        name=_first([*spoken, *told], lambda one: one.name) or "",
    )
    return Known(
        known.name,
        kind,
        currency,
        ticker,
        mic,
        isin,
        known.figi,
        known.cusip,
        instrument_of(known),
    )


def _weight(one: Telling) -> tuple[bool, bool, date, int]:
    return one.source != PERSON, one.until is not None, one.since, one.number


def _first(told: Sequence[Telling], of: Callable[[Telling], str | None]) -> str | None:
    return next((found for one in told if (found := of(one))), None)


def _today(told: Telling, changes: Sequence[Renaming]) -> tuple[str | None, str | None]:
    """Return the ticker and the market that a listing has become since it was told."""
    listing, since = told.listing or "", told.since
    for change in changes:
        if change.old_listing == listing and since < change.day:
            listing, since = change.new_listing or listing, change.day
    ticker, _, mic = listing.partition(":")
    return ticker, mic
