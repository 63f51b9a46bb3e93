"""A source of prices is a declaration, not code: what to ask, how gently, and where to look.

A declaration is a TOML file, of the parts in `declared/`. Words in braces stand for parts of a
symbol (declared/template.py). What is written wrong is refused when the file is read, by field and
reason, not when a price is missing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from importlib.metadata import version
from urllib.parse import quote, urlsplit

import msgspec

from penstock.domain.currency_codes import CODES, ISO, MINOR_UNITS
from penstock.domain.errors import InvalidInput
from penstock.domain.instrument import AMERICAN, is_mic
from penstock.domain.option import Option
from penstock.domain.quote import Basis
from penstock.quotes.declared.asking import Ask, Auth, Covers, Names
from penstock.quotes.declared.history import History
from penstock.quotes.declared.part import MOST_SECONDS
from penstock.quotes.declared.template import fill, fits
from penstock.quotes.declared.terms import (
    Blocked,
    Guards,
    Means,
    Numbers,
    Tier,
    Time,
    Unit,
)
from penstock.quotes.declared.ways import Anchored, Css, Csv, Extractor, Json, Rates, Table
from penstock.quotes.manners import Politeness, Sane, Strict
from penstock.quotes.memo import Remembered
from penstock.quotes.symbol import Listing, Symbol

__all__ = [
    "Anchored",
    "Ask",
    "Auth",
    "Blocked",
    "Covers",
    "Css",
    "Csv",
    "Declaration",
    "Extractor",
    "Guards",
    "History",
    "Json",
    "Means",
    "Names",
    "Numbers",
    "Politeness",
    "Rates",
    "Sane",
    "Table",
    "Tier",
    "Time",
    "Unit",
    "fill",
    "fits",
    "read_declaration",
]


class Declaration(Strict, frozen=True, dict=True):
    """A source of prices. `docs` is where it describes itself, `terms` what its terms say, shortly.

    `implied` are the currencies (or minor units) of prices for which the answer names none, by MIC
    or country; what is not in it has no price without a currency.
    """

    id: str
    title: str
    tier: Tier
    docs: str
    hosts: tuple[str, ...]
    ask: Ask
    number: Numbers
    extract: tuple[Extractor, ...]
    terms: str = ""
    covers: Covers = Covers()
    auth: tuple[Auth, ...] = ()
    politeness: Politeness = Politeness()
    guards: Guards = Guards()
    units: dict[str, Unit] = msgspec.field(default_factory=dict)
    implied: dict[str, str] = msgspec.field(default_factory=dict)
    time: Time | None = None
    delay_seconds: int | None = None
    basis: Basis = Basis.PER_SHARE
    venue: str | None = None
    sane: Sane = Sane()
    history: History | None = None

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ValueError(problem)

    @property
    def opt_in(self) -> bool:
        """Whether a person has to switch it on: it wants a key, or its prices are taken."""
        return self.tier in (Tier.KEYED, Tier.UNOFFICIAL, Tier.SCRAPE)

    @property
    def options(self) -> tuple[Option, ...]:
        """What has to be set for it: its keys."""
        return tuple(auth.setting for auth in self.auth)

    @cached_property
    def edition(self) -> str:
        """What changes whenever its answers may be read otherwise: with it, or with a release."""
        said = msgspec.json.encode([version("penstock"), self])
        return f"{self.id}-{blake2b(said, digest_size=8).hexdigest()}"

    def forms(self, symbols: Iterable[Symbol]) -> tuple[Symbol, ...]:
        """Return those of a symbol's candidates that are worth asking the source about.

        Where it takes a ticker of any American exchange, it is not asked about each of them.
        """
        covered = [symbol for symbol in symbols if self.place(symbol) is not None]
        whole = [symbol for symbol in covered if not getattr(symbol, "sought", False)]
        return tuple(whole or covered)

    def place(self, symbol: Symbol) -> str | None:
        """Return the address for a symbol, with `{symbols}` still in it where the source has that.

        Symbols of the same place can be asked in one request. None: the source covers it not.
        """
        return self._places[symbol]

    def _place(self, symbol: Symbol) -> str | None:
        template = self.ask.template(symbol.kind)
        if template is None or not self.covers.include(symbol):
            return None
        words = self.words(symbol)
        name = self.ask.name(symbol.kind)
        if not fits(template, {**words, "symbols": ""}) or (name and "symbol" not in words):
            return None
        quoted = {word: quote(text, safe="") for word, text in words.items()}
        return fill(template, {**quoted, "symbols": "{symbols}"})

    def address(self, symbol: Symbol) -> str | None:
        """Return the address to ask for this symbol, None where the source does not cover it."""
        return self._addresses[symbol]

    def address_of(self, symbols: Sequence[Symbol]) -> str | None:
        """Return the one address to ask for symbols of one place, at most `ask.batch` of them."""
        place = self.place(symbols[0])
        if place is None:
            return None
        names = dict.fromkeys(quote(self.name(symbol), safe="") for symbol in symbols)
        return fill(place, {"symbols": self.ask.join.join(names)})

    def name(self, symbol: Symbol) -> str:
        """Return how the source writes a symbol: as it declares, or as we do."""
        return self.words(symbol).get("symbol") or str(symbol)

    def names(self, symbol: Symbol) -> frozenset[str]:
        """Return the names of a symbol in the source's answers, in capital letters.

        Where the source declares how it writes symbols, that is the only one.
        """
        return self._names[symbol]

    def _named(self, symbol: Symbol) -> frozenset[str]:
        own = self.words(symbol).get("symbol")
        return frozenset([own.upper()]) if own else symbol.names

    @cached_property
    def ways(self) -> Mapping[str, Extractor]:
        """The ways to a price, by their names."""
        return {way.name: way for way in self.extract}

    @cached_property
    def rates(self) -> Rates | None:
        """The table of exchange rates that it answers with, if it does."""
        return next((way for way in self.extract if isinstance(way, Rates)), None)

    def words(self, symbol: Symbol) -> Mapping[str, str]:
        """Return what the words of a template are for a symbol, as the source writes them."""
        return self._words[symbol]

    def label(self, symbol: Symbol) -> tuple[str, str | None]:
        """Return the one name of a symbol in answers, "" without one; and the MIC of its venue."""
        return self._labels[symbol]

    def _labelled(self, symbol: Symbol) -> tuple[str, str | None]:
        mic = symbol.mic if isinstance(symbol, Listing) and symbol.mic != AMERICAN else None
        return self.words(symbol).get("symbol", "").upper(), self.venue or mic

    @cached_property
    def _words(self) -> Remembered[Symbol, Mapping[str, str]]:
        return Remembered(self.ask.words_of)

    @cached_property
    def _places(self) -> Remembered[Symbol, str | None]:
        return Remembered(self._place)

    @cached_property
    def _addresses(self) -> Remembered[Symbol, str | None]:
        return Remembered(lambda symbol: self.address_of([symbol]))

    @cached_property
    def _names(self) -> Remembered[Symbol, frozenset[str]]:
        return Remembered(self._named)

    @cached_property
    def _labels(self) -> Remembered[Symbol, tuple[str, str | None]]:
        return Remembered(self._labelled)


def read_declaration(text: str, name: str) -> Declaration:
    """Read a declaration from TOML. Raises InvalidInput, which says what is wrong and where."""
    try:
        declared = msgspec.toml.decode(text, type=Declaration)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidInput(f"The quote source {name} is not declared right: {error}.") from error
    if is_rude(declared):
        raise InvalidInput(f"The quote source {name} is not declared right: {RUDE}.")
    return declared


RUDE = "who reads pages heeds robots.txt, so that politeness.robots is true for the tier scrape"


def is_rude(source: Declaration) -> bool:
    """Say whether a declaration would read pages without heeding what their site asks of programs.

    None that is read from a file may.
    """
    return source.tier is Tier.SCRAPE and not source.politeness.robots


def _problems(source: Declaration) -> Iterator[str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", source.id):
        yield "id is small letters, digits and underscores"
    if not source.hosts or not source.extract:
        yield "name the hosts, and at least one way to extract"
    yield from _wrong_addresses(source)
    if not set(source.units) <= CODES - ISO | MINOR_UNITS:
        yield "units are minor units: GBX, ILA, ZAC, USX"
    yield from _wrong_terms(source)


def _wrong_addresses(source: Declaration) -> Iterator[str]:
    past = source.history.addresses if source.history else ()
    for address in (*source.ask.addresses, *past):
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http") or parts.netloc not in source.hosts:
            yield f"{address} is at none of the hosts"
        if source.auth and parts.scheme != "https":
            yield f"{address} would carry a key: it has to be https"
    if not source.ask.addresses:
        yield "ask has an address for a listing or a pair"
    if source.ask.batch > 1 and not all(source.ask.name(kind) for kind in source.ask.kinds):
        yield "with a batch, ask.symbol says how the source writes each kind of symbol"


def _wrong_terms(source: Declaration) -> Iterator[str]:
    names = [way.name for way in source.extract]
    if len(set(names)) < len(names):
        yield "each way to extract has a name of its own"
    if source.auth and source.tier is not Tier.KEYED:
        yield "a source with a key is of the tier keyed"
    delay = source.delay_seconds
    if delay is not None and not 0 <= delay <= MOST_SECONDS:
        yield "delay_seconds is 0 to a year"
    for place, unit in source.implied.items():
        if not (is_mic(place) or re.fullmatch("[A-Z]{2}", place)) or unit not in CODES:
            yield 'implied is a currency by MIC or country: US = "USD"'
        if unit in MINOR_UNITS and unit not in source.units:
            yield f"{unit} has to be among the units"
