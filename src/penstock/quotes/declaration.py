"""A source of prices is a declaration, not code: what to ask, how gently, and where to look.

A declaration is a TOML file. `{ticker}`, `{exchange}` (of a listing), `{base}` and `{quote}` (of a
pair) stand for parts of the symbol. What is written wrong is refused when the file is read, by
field and reason, not when a price is missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import quote, urlsplit

import msgspec

from penstock.domain.errors import InvalidInput
from penstock.domain.quote import Basis
from penstock.quotes.currency_codes import CODES, ISO, MINOR_UNITS
from penstock.quotes.manners import Politeness, Sane, Strict
from penstock.quotes.symbol import Pair, Symbol

_PLACEHOLDER: Final = re.compile(r"\{((?:ticker|exchange|base|quote)s?)\}")
_GROUPS: Final = frozenset(["price", "currency", "time", "symbol"])


class Tier(StrEnum):
    """On what terms a source gives its prices, the best first."""

    OFFICIAL = "official"
    KEYED = "keyed"
    UNOFFICIAL = "unofficial"
    SCRAPE = "scrape"
    MANUAL = "manual"


class Means(StrEnum):
    """What a page that comes instead of the price means."""

    CONSENT = "consent_wall"
    CHALLENGE = "bot_challenge"
    THROTTLED = "rate_limited"
    QUOTA = "quota_spent"
    UNKNOWN = "symbol_not_found"


class Ask(Strict, frozen=True):
    """The address to ask for a listing or a pair; what has none is not covered by the source.

    Up to `batch` symbols go into one request: there `{tickers}`, `{bases}` and so on (a word with
    an s behind it) are those of all of them, with `join` between them.
    """

    listing: str | None = None
    pair: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    batch: int = 1
    join: str = ","

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= 500:  # noqa: PLR2004 - an address has an end
            raise ValueError("batch is 1 to 500")


class Blocked(Strict, frozen=True):
    """A sign that the answer is something else: an address it leads to, or a text in it."""

    means: Means
    url: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if not (self.url or self.text):
            raise ValueError("name a url or a text")


class Guards(Strict, frozen=True):
    """What an answer must be before anything is read from it."""

    type: str | None = None
    must_contain: tuple[str, ...] = ()
    blocked: tuple[Blocked, ...] = ()


class Anchored(Strict, frozen=True, tag_field="kind", tag="anchored"):
    """Finds a fixed text with the symbol in it, and matches a pattern right behind it.

    The pattern's groups are price and, where it has them, currency, time (and symbol). It sees no
    more than `window` bytes, so that no pattern can take long.
    """

    name: str
    anchor: str
    pattern: str
    currency: str | None = None
    window: int = 2048

    def __post_init__(self) -> None:
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        if "price" not in groups or not groups <= _GROUPS:
            raise ValueError(f"the pattern's groups are {sorted(_GROUPS)}, price among them")


class Css(Strict, frozen=True, tag_field="kind", tag="css"):
    """Finds the first element that a CSS selector matches, if the page contains `requires`.

    Each field is `@attribute` or `text` of that element; `currency` may also be a code.
    """

    name: str
    select: str
    price: str
    currency: str | None = None
    time: str | None = None
    symbol: str | None = None
    requires: tuple[str, ...] = ()


class Rates(Strict, frozen=True, tag_field="kind", tag="rates"):
    """Reads a table of exchange rates in XML: what one unit of `base` costs in each currency.

    `element` has the attributes `currency` and `rate`, and stands in one with the date.
    """

    name: str
    base: str
    element: str
    currency: str
    rate: str
    date: str


Extractor = Anchored | Css | Rates


class Numbers(Strict, frozen=True):
    """How the source writes numbers: its locale, not the exchange's."""

    locale: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", self.locale):
            raise ValueError("a locale is like en, de-CH or zh_Hant_TW")


class Unit(Strict, frozen=True):
    """A unit that prices are quoted in: so much of a currency, as an exact decimal text."""

    currency: str
    scale: str

    def __post_init__(self) -> None:
        exact = re.fullmatch(r"(?!0+\.?0*$)\d{1,9}(\.\d{1,9})?", self.scale)
        if self.currency not in ISO or not exact:
            raise ValueError('a unit is like {currency = "GBP", scale = "0.01"}')


class Time(Strict, frozen=True):
    """How the source writes the instant of a price: seconds since 1970, or a date in its zone.

    A date alone (`format` of strptime) is completed with the time of day `at` which it holds.
    """

    kind: Literal["epoch", "date"]
    format: str = "%Y-%m-%d"
    zone: str = "UTC"
    at: str = "00:00"


class Declaration(Strict, frozen=True):
    """A source of prices. `docs` is where it describes itself and its terms."""

    id: str
    title: str
    tier: Tier
    docs: str
    hosts: tuple[str, ...]
    ask: Ask
    number: Numbers
    extract: tuple[Extractor, ...]
    politeness: Politeness = Politeness()
    guards: Guards = Guards()
    units: dict[str, Unit] = msgspec.field(default_factory=dict)
    time: Time | None = None
    delay_seconds: int | None = None
    basis: Basis = Basis.PER_SHARE
    venue: str | None = None
    sane: Sane = Sane()

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ValueError(problem)

    @property
    def opt_in(self) -> bool:
        """Whether a person has to switch it on: its prices are taken, not given."""
        return self.tier in (Tier.UNOFFICIAL, Tier.SCRAPE)

    def address(self, symbol: Symbol) -> str | None:
        """Return the address to ask for this symbol, None where the source does not cover it."""
        return self.address_of([symbol])

    def address_of(self, symbols: Sequence[Symbol]) -> str | None:
        """Return the one address to ask for symbols that are all listings, or all pairs."""
        template = self.ask.pair if isinstance(symbols[0], Pair) else self.ask.listing
        if not template:
            return None
        alone = symbols[0].words
        words = {name: quote(word, safe="") for name, word in alone.items()}
        for name in alone:
            each = dict.fromkeys(quote(symbol.words[name], safe="") for symbol in symbols)
            words[f"{name}s"] = self.ask.join.join(each)
        return fill(template, words)


def fill(template: str, words: Mapping[str, str]) -> str:
    """Put a symbol's words into a template. Raises KeyError for a word that it has not."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], template)


def fits(template: str, words: Mapping[str, str]) -> bool:
    """Say whether a symbol has all the words that a template asks for."""
    return all(found in words for found in _PLACEHOLDER.findall(template))


def read_declaration(text: str, name: str) -> Declaration:
    """Read a declaration from TOML. Raises InvalidInput, which says what is wrong and where."""
    try:
        return msgspec.toml.decode(text, type=Declaration)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidInput(f"The quote source {name} is not declared right: {error}.") from error


def _problems(source: Declaration) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", source.id):
        yield "id is small letters, digits and underscores"
    if not source.hosts or not source.extract:
        yield "name the hosts, and at least one way to extract"
    for address in filter(None, (source.ask.listing, source.ask.pair)):
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http") or parts.netloc not in source.hosts:
            yield f"{address} is at none of the hosts"
    if not (source.ask.listing or source.ask.pair):
        yield "ask has an address for a listing or a pair"
    if not set(source.units) <= CODES - ISO | MINOR_UNITS:
        yield "units are minor units: GBX, ILA, ZAC, USX"
