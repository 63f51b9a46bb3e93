"""What a person asks the price of: a pair of currencies, or a security, on an exchange or anywhere.

EUR/USD  EUR-USD  EURUSD  EURUSD=X      one euro in dollars
SAP:XETR  SAP:ETR  ETR:SAP  SAP.DE      a ticker on an exchange: its MIC, what Google calls it,
                                        or the suffix that Yahoo gives it (exchanges.toml)
AAPL  AAPL:US  AAPL.US                  an American ticker, on whichever exchange has it
DE0007164600  DE0007164600:XETR         a security by its ISIN, anywhere or on one exchange

Each has one way that we write it, its instrument (domain/instrument.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from penstock.domain.currency_codes import COINS, ISO, METALS, MORE_COINS
from penstock.domain.instrument import AMERICAN, is_isin, is_mic, looks_like_isin
from penstock.domain.quote import SymbolNotFound
from penstock.quotes.exchanges import exchange_of, home, mic_of, mic_of_suffix

LONGEST: Final = 40

Kind = Literal["listing", "pair", "coin", "isin"]

_COINS: Final = COINS | MORE_COINS
_MONEY: Final = ISO | _COINS | METALS
_PAIR: Final = re.compile(r"([A-Z]{3,5})[/-]([A-Z]{3,5})|([A-Z]{3})([A-Z]{3})(?:=X)?")
_LISTED: Final = re.compile(r"([A-Z0-9][A-Z0-9.&-]{0,19}):([A-Z0-9][A-Z0-9.&-]{0,19})")
_TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.&-]{0,19}")


@dataclass(frozen=True, slots=True)
class Pair:
    """What one unit of the first currency costs in the second."""

    base: str
    quote: str

    @property
    def kind(self) -> Kind:
        """Whether it is a pair of currencies and metals, or has a coin in it."""
        return "coin" if {self.base, self.quote} & _COINS else "pair"

    @property
    def words(self) -> Mapping[str, str]:
        """The placeholders of a declaration that a pair fills."""
        return {"base": self.base, "quote": self.quote}

    @property
    def names(self) -> frozenset[str]:
        """How pages write it."""
        joined = f"{self.base}{self.quote}"
        return frozenset([str(self), f"{self.base}-{self.quote}", joined, f"{joined}=X"])

    @property
    def instrument(self) -> str:
        """The one way that we write it: EUR/USD."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A ticker on an exchange, by its MIC; US stands for any American one.

    It was `sought` on this exchange where nobody named one: then what is meant is still the
    American ticker. An exchange that we do not know stays as it was written.
    """

    ticker: str
    mic: str = AMERICAN
    sought: bool = False

    @property
    def kind(self) -> Kind:
        """What of a declaration asks for it."""
        return "listing"

    @property
    def words(self) -> Mapping[str, str]:
        """The placeholders of a declaration that a listing fills.

        Words that are not known of its exchange are not there, nor are `mic` and `exchange` of
        any American one.
        """
        if self.mic == AMERICAN:
            return {"ticker": self.ticker, "suffix": "", "country": AMERICAN}
        words = {"ticker": self.ticker}
        if is_mic(self.mic):
            words["mic"] = self.mic
        exchange = exchange_of(self.mic)
        return {**words, **(exchange.words if exchange else {"exchange": self.mic})}

    @property
    def names(self) -> frozenset[str]:
        """How pages write it."""
        words = self.words
        names = [str(self), self.ticker, f"{self.ticker}{words.get('suffix', '')}"]
        return frozenset([*names, f"{self.ticker}:{words.get('exchange', self.mic)}"])

    @property
    def instrument(self) -> str:
        """The one way that we write it: SAP:XETR, and AAPL:US where nobody named the exchange."""
        return f"{self.ticker}:{AMERICAN}" if self.sought else str(self)

    def __str__(self) -> str:
        return f"{self.ticker}:{self.mic}"


@dataclass(frozen=True, slots=True)
class Isin:
    """A security by its ISIN, anywhere or on the exchange of a MIC."""

    isin: str
    mic: str | None = None

    @property
    def kind(self) -> Kind:
        """What of a declaration asks for it."""
        return "isin"

    @property
    def words(self) -> Mapping[str, str]:
        """The placeholders of a declaration that an ISIN fills; those of the exchange with one."""
        words = {"isin": self.isin}
        if self.mic is None:
            return words
        exchange = exchange_of(self.mic)
        return {**words, **(exchange.words if exchange else {}), "mic": self.mic}

    @property
    def names(self) -> frozenset[str]:
        """How pages write it."""
        return frozenset([self.isin, str(self)])

    @property
    def instrument(self) -> str:
        """The one way that we write it."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.isin}:{self.mic}" if self.mic else self.isin


Symbol = Pair | Listing | Isin


@lru_cache(maxsize=4096)
def candidates_of(text: str) -> tuple[Symbol, ...]:
    """Return what a symbol may stand for, the likeliest first; all are the same instrument.

    They are several only without an exchange. Raises SymbolNotFound for what is no symbol, for a
    currency priced in itself, and for an ISIN with a slip of the pen in it.
    """
    written = text.strip().upper()
    if len(text) > LONGEST or not written.isascii():
        raise _refused(text, "is no symbol")
    pair = _pair(written)
    if pair:
        if pair.base == pair.quote:
            raise _refused(text, "asks what a currency costs in itself")
        return (pair,)
    listed = _LISTED.fullmatch(written)
    if listed:
        return _listed(text, *listed.groups())
    if not _TICKER.fullmatch(written):
        raise _refused(text, "is no symbol")
    if looks_like_isin(written):
        return (Isin(_checked(text, written)),)
    return _by_suffix(written)


def instrument_of(text: str) -> str:
    """Return the one way that we write what a symbol means. Raises as `candidates_of` does."""
    return candidates_of(text)[0].instrument


def _pair(written: str) -> Pair | None:
    found = _PAIR.fullmatch(written)
    if found is None:
        return None
    base, quote = (part for part in found.groups() if part)
    return Pair(base, quote) if {base, quote} <= _MONEY else None


def _listed(text: str, first: str, second: str) -> tuple[Symbol, ...]:
    """Read `AAPL:XNAS`, and `NASDAQ:AAPL` where only the first is an exchange that we know."""
    if mic_of(first) and not mic_of(second):
        first, second = second, first
    mic = mic_of(second) or second
    if mic == AMERICAN:
        return anywhere_in_america(first)
    if looks_like_isin(first):
        isin = _checked(text, first)
        if not is_mic(mic):
            raise _refused(text, "names no exchange that we know")
        return (Isin(isin, mic),)
    return (Listing(first, mic),)


def _checked(text: str, isin: str) -> str:
    if not is_isin(isin):
        raise _refused(text, "is no ISIN: its check digit is another")
    return isin


def _by_suffix(written: str) -> tuple[Symbol, ...]:
    ticker, point, suffix = written.rpartition(".")
    mic = mic_of_suffix(suffix) if point and ticker else None
    if mic and mic != AMERICAN:
        return (Listing(ticker, mic),)
    return anywhere_in_america(ticker if mic else written)


def anywhere_in_america(ticker: str) -> tuple[Listing, ...]:
    """Return an American ticker, then the same on each exchange where it may be."""
    return (Listing(ticker), *(Listing(ticker, mic, sought=True) for mic in home()))


def _refused(text: str, why: str) -> SymbolNotFound:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}\u2026"
    return SymbolNotFound(f"{shown!r} {why}.", symbol=text)
