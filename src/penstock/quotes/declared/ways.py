"""Ways to find a price in an answer; a declaration lists its own, the first that finds one wins."""

import re
from functools import cached_property
from typing import Final, Literal

from penstock.domain.currency_codes import CODES, MINOR_UNITS, SPELLINGS
from penstock.quotes.declared.part import require
from penstock.quotes.declared.path import is_of_row, is_path, steps_of
from penstock.quotes.declared.template import WORDS, check_words
from penstock.quotes.manners import Strict

_FIELDS: Final = (
    "price",
    "currency",
    "time",
    "symbol",
    "venue",
    "delay",
    "percent_of_par",
    "unknown",
)
_WIDEST: Final = 65_536
_GROUPS: Final = frozenset(["price", "currency", "time", "symbol"])


class Anchored(Strict, frozen=True, tag_field="kind", tag="anchored"):
    """Finds a fixed text with the symbol in it, and matches a pattern right behind it.

    The pattern's groups are price and, where it has them, currency, time (and symbol). It sees no
    more than `window` bytes, so that no pattern can take long. Where the text stands several times,
    all places must state the same price.
    """

    name: str
    anchor: str
    pattern: str
    currency: str | None = None
    window: int = 2048

    def __post_init__(self) -> None:
        try:
            groups = set(re.compile(self.pattern.encode()).groupindex)  # answers are bytes
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        if "price" not in groups or not groups <= _GROUPS:
            raise ValueError(f"the pattern's groups are {sorted(_GROUPS)}, price among them")
        if not self.anchor or not 1 <= self.window <= _WIDEST:
            raise ValueError(f"anchor is a text, and window 1 to {_WIDEST} bytes")


class Css(Strict, frozen=True, tag_field="kind", tag="css"):
    """Finds the elements that a CSS selector matches, if the page contains `requires`.

    Each field is `@attribute` or `text` of such an element; `currency` may also be a code. Where
    several match, all must state the same price.
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


class Json(Strict, frozen=True, dict=True, tag_field="kind", tag="json"):
    """Follows paths (path.py) in JSON. Numbers keep every digit, texts are read by the locale.

    `each` leads to the rows of several symbols, of which `symbol` says whose each is: paths then
    begin with `@`. Without it, `symbol` is checked. `currency` may also be a code or `{quote}`.
    `percent_of_par`: where this is true, the price is in percent of par. `delay` is a number of
    `delay_in`. `venue` is an exchange, which has to be the one that was asked about. `price` leads
    to a number or a text; null and 0 mean no price, as does whatever `unknown` leads to. The way is
    taken where all of `requires` lead to something.
    """

    name: str
    price: str
    each: str | None = None
    currency: str | None = None
    time: str | None = None
    symbol: str | None = None
    venue: str | None = None
    delay: str | None = None
    delay_in: Literal["seconds", "minutes"] = "minutes"
    percent_of_par: str | None = None
    unknown: str | None = None
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for path in filter(None, (self.each, *self.requires, *self.fields.values())):
            steps_of(path)
            check_words(path, WORDS, path)
        constant = self.currency and not is_path(self.currency)
        rows = [is_of_row(path) for path in self.fields.values()]
        require(
            problems={
                "currency is a path, a code or {quote}": bool(constant)
                and not is_currency(self.currency or ""),
                "paths with @ need `each`, which leads to the rows": any(rows) and not self.each,
                "each begins with $": bool(self.each) and is_of_row(self.each or ""),
                "with each, symbol and price are paths with @": bool(self.each)
                and not (is_of_row(self.price) and is_of_row(self.symbol or "$")),
            }
        )

    @cached_property
    def fields(self) -> dict[str, str]:
        """The paths that lead to one value each, by field."""
        given = {name: getattr(self, name) for name in _FIELDS}
        return {
            name: path
            for name, path in given.items()
            if path and (name != "currency" or is_path(path))
        }


class Csv(Strict, frozen=True, tag_field="kind", tag="csv"):
    """Reads a table of texts with separators (RFC 4180); its first line names the columns.

    The row is the one whose `symbol` column has the symbol, else the first or the last of all.
    `time` may be several columns, which are joined with a space. `currency` may be a code.
    """

    name: str
    price: str
    symbol: str | None = None
    currency: str | None = None
    time: str | tuple[str, ...] | None = None
    delimiter: str = ","
    row: Literal["first", "last"] = "first"

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise ValueError("delimiter is one sign: , or ; or a tab")


class Table(Strict, frozen=True, tag_field="kind", tag="table"):
    """Reads an HTML table, whose first row (or head) names the columns; else as a Csv is read."""

    name: str
    select: str
    price: str
    symbol: str | None = None
    currency: str | None = None
    time: str | tuple[str, ...] | None = None
    row: Literal["first", "last"] = "first"


class Meta(Strict, frozen=True, tag_field="kind", tag="meta"):
    """Reads what `<meta>` elements of a page say, by their name, property or itemprop.

    Each field is such a name; `currency` may also be a code. `symbol` says whose page it is.
    """

    name: str
    price: str
    symbol: str
    currency: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        for named in filter(None, (self.price, self.symbol, self.currency, self.time)):
            if not re.fullmatch(r"[A-Za-z][\w:.-]{0,79}", named):
                raise ValueError(f"{named!r} is no name of a meta element")


class Embedded(Json, frozen=True, tag_field="kind", tag="embedded"):
    """Follows paths in JSON that stands inside a page: in an attribute, or in a script of an id.

    There may be several; with `symbol`, those about something else do not count.
    """

    attribute: str | None = None
    script: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        place = self.attribute or self.script or ""
        if bool(self.attribute) == bool(self.script) or not re.fullmatch(r"[\w:.-]{1,80}", place):
            raise ValueError("name an attribute, or the id of a script, that the JSON stands in")


Extractor = Anchored | Css | Rates | Json | Csv | Table | Meta | Embedded


def is_currency(text: str) -> bool:
    """Say whether a declaration names a currency itself, or the pair's second one."""
    return text == "{quote}" or SPELLINGS.get(text, text) in CODES | MINOR_UNITS
