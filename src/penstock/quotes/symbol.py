"""What a person asks the price of: a pair of currencies, or a security on an exchange.

EUR/USD  EUR-USD  EURUSD  EURUSD=X      one euro in dollars
AAPL:NASDAQ  NASDAQ:AAPL                a ticker and its exchange, either way round
SAP.DE  2881.TW  VOD.L                  a ticker and its exchange's suffix (exchanges.toml)
AAPL                                    an American ticker
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from penstock.domain.quote import SymbolNotFound
from penstock.quotes.currency_codes import COINS, ISO, METALS

LONGEST: Final = 40

_MONEY: Final = ISO | COINS | METALS
_PAIR: Final = re.compile(r"([A-Z]{3,4})[/-]([A-Z]{3,4})|([A-Z]{3})([A-Z]{3})(?:=X)?")
_LISTED: Final = re.compile(r"([A-Z0-9][A-Z0-9.&-]{0,19}):([A-Z0-9][A-Z0-9.&-]{0,19})")
_TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.&-]{0,19}")


@dataclass(frozen=True, slots=True)
class Pair:
    """What one unit of the first currency costs in the second."""

    base: str
    quote: str

    @property
    def words(self) -> Mapping[str, str]:
        """The placeholders of a declaration that a pair fills."""
        return {"base": self.base, "quote": self.quote}

    @property
    def names(self) -> frozenset[str]:
        """How pages write it."""
        joined = f"{self.base}{self.quote}"
        return frozenset([str(self), f"{self.base}-{self.quote}", joined, f"{joined}=X"])

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A ticker on an exchange."""

    ticker: str
    exchange: str

    @property
    def words(self) -> Mapping[str, str]:
        """The placeholders of a declaration that a listing fills."""
        return {"ticker": self.ticker, "exchange": self.exchange}

    @property
    def names(self) -> frozenset[str]:
        """How pages write it."""
        return frozenset([str(self), self.ticker])

    def __str__(self) -> str:
        return f"{self.ticker}:{self.exchange}"


Symbol = Pair | Listing


def candidates_of(text: str) -> tuple[Symbol, ...]:
    """Return what a symbol may stand for, the likeliest first; several only without an exchange.

    Raises SymbolNotFound for what is no symbol, and for a currency priced in itself.
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
        return (_listing(*listed.groups()),)
    if not _TICKER.fullmatch(written):
        raise _refused(text, "is no symbol")
    return _by_suffix(written)


def _pair(written: str) -> Pair | None:
    found = _PAIR.fullmatch(written)
    if found is None:
        return None
    base, quote = (part for part in found.groups() if part)
    return Pair(base, quote) if {base, quote} <= _MONEY else None


def _listing(first: str, second: str) -> Listing:
    """Read `AAPL:NASDAQ`, and `NASDAQ:AAPL` where only the first is an exchange that we know."""
    known = _exchanges()
    turned = first in known and second not in known
    return Listing(second, first) if turned else Listing(first, second)


def _by_suffix(written: str) -> tuple[Symbol, ...]:
    table = _table()
    ticker, point, suffix = written.rpartition(".")
    if point and ticker and suffix in table["suffixes"]:
        return (Listing(ticker, table["suffixes"][suffix]),)
    return tuple(Listing(written, exchange) for exchange in table["home"])


def _refused(text: str, why: str) -> SymbolNotFound:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}\u2026"
    return SymbolNotFound(f"{shown!r} {why}.", symbol=text)


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    text = files("penstock.quotes").joinpath("exchanges.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _exchanges() -> frozenset[str]:
    table = _table()
    return frozenset([*table["home"], *table["suffixes"].values()])
