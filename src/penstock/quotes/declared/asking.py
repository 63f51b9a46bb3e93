"""What a source is asked: addresses, several symbols at once, keys, and for which symbols."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.domain.currency_codes import CODES, COINS, ISO, METALS, MORE_COINS
from penstock.domain.instrument import is_mic
from penstock.domain.option import Option
from penstock.quotes.declared.part import require, unknown
from penstock.quotes.declared.template import (
    ASKED,
    ISIN,
    LISTING,
    PAIR,
    check_words,
    fill,
    fits,
    words_in,
)
from penstock.quotes.manners import Strict
from penstock.quotes.symbol import Kind, Listing, Pair, Symbol

GROUPS: Final = {"currencies": ISO, "coins": COINS | MORE_COINS, "metals": METALS}
_MOST_AT_ONCE: Final = 500


def _check_each(part: Strict, beside: frozenset[str]) -> None:
    """Check that the templates of a listing, a pair and an ISIN have words of their own only."""
    kinds = {"listing": LISTING, "pair": PAIR, "coin": PAIR, "isin": ISIN}
    for kind, words in kinds.items():
        template: str | None = getattr(part, kind)
        if template is not None:
            check_words(template, words | beside, kind)


class Names(Strict, frozen=True):
    """How the source itself writes a symbol, for each kind of them: `{ticker}{suffix}`.

    Then `{symbol}` stands for it in addresses and paths, and an answer about another is refused.
    """

    listing: str | None = None
    pair: str | None = None
    coin: str | None = None
    isin: str | None = None

    def __post_init__(self) -> None:
        _check_each(self, beside=frozenset(["id"]))


class Ask(Strict, frozen=True):
    """The address to ask for each kind of symbol; what has none is not covered by the source.

    `coin` is for pairs with a coin in them, which are asked like other pairs without it. Up to
    `batch` symbols go into one request: addresses then have `{symbols}`, with `join` between them.
    `ids` are the source's own ids of symbols (by ticker, first currency, or instrument), for
    `{id}`; symbols that have none are not covered then. `spelling` is how tickers are written
    there: {"." = "-"}. `words` stand in for words that a symbol has not, such as the `mic` of an
    ISIN alone. `lower`: all words in small letters.
    """

    listing: str | None = None
    pair: str | None = None
    coin: str | None = None
    isin: str | None = None
    symbol: Names = Names()
    batch: int = 1
    join: str = ","
    ids: dict[str, str] = msgspec.field(default_factory=dict)
    spelling: dict[str, str] = msgspec.field(default_factory=dict)
    words: dict[str, str] = msgspec.field(default_factory=dict)
    lower: bool = False
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_each(self, beside=ASKED)
        strange = unknown(self.words, LISTING | ISIN)
        require(
            problems={
                f"words: there is no word {strange}": bool(strange),
                f"batch is 1 to {_MOST_AT_ONCE}": not 1 <= self.batch <= _MOST_AT_ONCE,
                "join is one to three signs": not 1 <= len(self.join) <= 3,  # noqa: PLR2004 - said beside it
                "with a batch, each address has {symbols}": any(
                    ("symbols" in words_in(address)) != (self.batch > 1)
                    for address in self.addresses
                ),
                "headers: a key does not stand in a declaration, name it in auth": any(
                    _is_secret(name) for name in self.headers
                ),
                "headers: we say who we are, so that user-agent is not among them": any(
                    name.strip().lower() == "user-agent" for name in self.headers
                ),
                "headers are one line each": any(
                    not re.fullmatch(r"[\x20-\x7e]*", text)
                    for text in (*self.headers, *self.headers.values())
                ),
            }
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """All address templates."""
        return tuple(filter(None, map(self.template, self.kinds)))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of symbols that have an address of their own."""
        every: tuple[Kind, ...] = ("listing", "pair", "coin", "isin")
        return tuple(kind for kind in every if getattr(self, kind))

    def template(self, kind: Kind) -> str | None:
        """Return the address template for a kind of symbol."""
        own: str | None = getattr(self, kind)
        return own or (self.pair if kind == "coin" else None)

    def name(self, kind: Kind) -> str | None:
        """Return how the source writes a kind of symbol, None where it does as everybody does."""
        own: str | None = getattr(self.symbol, kind)
        return own or (self.symbol.pair if kind == "coin" else None)

    def words_of(self, symbol: Symbol) -> Mapping[str, str]:
        """Return what the words of a template are for a symbol, as the source writes them."""
        own = dict(symbol.words)
        for sign, written in self.spelling.items():
            if "ticker" in own:
                own["ticker"] = own["ticker"].replace(sign, written)
        keys = (str(symbol), symbol.instrument, own.get("ticker"), own.get("base"), own.get("isin"))
        ids = [self.ids[key] for key in keys if key in self.ids]
        words = {**self.words, **own}
        if self.lower:
            words = {name: word.lower() for name, word in words.items()}
        if ids:
            words["id"] = ids[0]
        name = self.name(symbol.kind)
        if name and fits(name, words):
            words["symbol"] = fill(name, words)
        return words


class Auth(Strict, frozen=True):
    """A key that the source wants: from which setting, and where in a request it stands.

    That of a source `finnhub` by the option `key` is PENSTOCK_FINNHUB_KEY. It is sent as a header
    (with `prefix` before it: "Bearer ") or, where the source takes nothing else, in the query.
    """

    option: str
    description: str
    header: str | None = None
    query: str | None = None
    prefix: str = ""
    required: bool = True

    def __post_init__(self) -> None:
        header, query = self.header or "X", self.query or "q"
        require(
            problems={
                "option is small letters, digits and underscores": not re.fullmatch(
                    r"[a-z][a-z0-9_]{0,29}", self.option
                ),
                "name a header or a query parameter": bool(self.header) == bool(self.query),
                "header is a header's name": not re.fullmatch(r"[A-Za-z0-9-]{1,60}", header),
                "query is a parameter's name": not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", query),
            }
        )

    @property
    def setting(self) -> Option:
        """The option that whoever runs the installation sets."""
        return Option(self.option, self.description, required=self.required, secret=True)


class Covers(Strict, frozen=True):
    """Which symbols the source may be asked about; what is left out is not narrowed.

    `bases` and `quotes` are the first and second currencies of pairs: codes, or the words
    currencies, coins and metals. `mics` and `countries` are of listings: an American ticker of no
    exchange needs US. `isins` are the countries in front of ISINs.
    """

    bases: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    mics: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    isins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        codes = unknown((*self.bases, *self.quotes), (*CODES, *MORE_COINS, *GROUPS))
        mics = unknown(self.mics, filter(is_mic, self.mics))
        require(
            problems={
                f"bases and quotes are currencies, which {codes} is not": bool(codes),
                f"mics are four letters and digits, which {mics} is not": bool(mics),
                "countries and isins are two letters each": not all(
                    re.fullmatch("[A-Z]{2}", text) for text in (*self.countries, *self.isins)
                ),
            }
        )

    def include(self, symbol: Symbol) -> bool:
        """Say whether a symbol is among what the source may be asked about."""
        if isinstance(symbol, Pair):
            return _among(symbol.base, self.bases) and _among(symbol.quote, self.quotes)
        if not isinstance(symbol, Listing) and self.isins and symbol.isin[:2] not in self.isins:
            return False
        if symbol.mic is None or not (self.mics or self.countries):
            return True
        return symbol.mic in self.mics or symbol.words.get("country") in self.countries


def _among(code: str, codes: tuple[str, ...]) -> bool:
    return not codes or any(code == one or code in GROUPS.get(one, ()) for one in codes)


def _is_secret(header: str) -> bool:
    return bool(re.search(r"auth|key|token|secret|cookie|password", header, re.IGNORECASE))
