"""What somebody says of a security: by which names it goes, and who says so.

A name is believed only where it is valid: an ISIN, a CUSIP and a FIGI by their check digits, a
market by the form of a MIC. What is not is no name at all.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from penstock.domain.holding import SecurityType
from penstock.domain.instrument import is_cusip, is_figi, is_mic, of_isin, of_listing, written

PERSON: Final = "person"
"""The source of what the person says."""

COINS: Final = frozenset("ADA BCH BTC DOGE DOT ETH LTC SOL XLM XRP".split())
"""Coins whose ticker names one thing wherever it is told; other tokens share theirs."""

_PAIR: Final = re.compile(r"(?!(.*)/\1$)[A-Z0-9]{2,10}/[A-Z]{3,4}")
_NATIONAL: Final = frozenset({"US", "CA"})
"""Where the nine signs within an ISIN are always a CUSIP."""


class Kind(StrEnum):
    """By what two tellings may be known to be about one thing, the strongest first."""

    PIN = "person"
    ISIN = "isin"
    CUSIP = "cusip"
    FIGI = "figi"
    LISTING = "listing"
    COIN = "coin"
    TICKER = "ticker"
    PROVIDER = "provider"
    POSITION = "position"


@dataclass(frozen=True, slots=True)
class Telling:
    """What a position said of its security from `since` on, before `until` where it has ended.

    `number` is ours and says nothing. `source` is the connector, `position` what it was told of
    (None for a person's own word), `provider` the provider's own id of the thing. `pin`: all with
    the same one are one thing, as a person said. `apart`: "7/0" is not what "7/1" is.
    """

    number: int
    source: str
    type: SecurityType
    since: date
    until: date | None = None
    position: str | None = None
    provider: str | None = None
    ticker: str | None = None
    mic: str | None = None
    isin: str | None = None
    figi: str | None = None
    cusip: str | None = None
    currency: str | None = None
    name: str = ""
    pin: int | None = None
    apart: frozenset[str] = frozenset()

    @property
    def listing(self) -> str | None:
        """The ticker on its exchange: AAPL:XNAS."""
        return of_listing(self.ticker, self.mic) if self.ticker and self.mic else None


def valid_ticker(text: str | None) -> str | None:
    """Return a ticker as we write it, None for what is none."""
    listing = of_listing(text) if text else None
    return listing.partition(":")[0] if listing else None


def valid_mic(text: str | None) -> str | None:
    """Return a market identifier code as we write it, None for what is none."""
    name = written(text or "")
    return name if is_mic(name) else None


def valid_isin(text: str | None) -> str | None:
    """Return an ISIN as we write it, None for what is none."""
    return of_isin(text) if text else None


def valid_figi(text: str | None) -> str | None:
    """Return a FIGI as we write it, None for what is none."""
    name = written(text or "")
    return name if is_figi(name) else None


def valid_cusip(text: str | None) -> str | None:
    """Return a CUSIP as we write it, None for what is none."""
    name = written(text or "")
    return name if is_cusip(name) else None


def valid_instrument(text: str) -> str | None:
    """Return an instrument as quotes call it, None for what is none (domain/instrument.py)."""
    name = written(text)
    if _PAIR.fullmatch(name):
        return name
    first, colon, mic = name.partition(":")
    if valid_isin(first):
        return of_isin(first, mic) if mic or not colon else None
    return of_listing(first, mic) if colon else None


def cusip_within(isin: str) -> str | None:
    """Return the CUSIP that an American or Canadian ISIN contains, None for any other."""
    return isin[2:11] if isin[:2] in _NATIONAL and is_cusip(isin[2:11]) else None


def instrument_of(told: Telling) -> str | None:
    """Return what our quotes call a thing that goes by these names; None where it is not certain.

    An option and cash have no quote of ours. An American ticker is one that is traded in dollars
    under a CUSIP; a ticker alone may be anything's.
    """
    if told.type in (SecurityType.OPTION, SecurityType.CASH):
        return None
    ticker = valid_ticker(told.ticker)
    if told.type is SecurityType.CRYPTO:
        known = ticker in COINS and told.currency and told.currency != ticker
        return f"{ticker}/{told.currency}" if known else None
    if told.listing:
        return told.listing
    if told.isin:
        return of_isin(told.isin)
    american = ticker and told.currency == "USD" and told.cusip
    return of_listing(ticker) if american and ticker else None
