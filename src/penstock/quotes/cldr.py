"""What a locale's readers take for granted: its separators, its currency, its words for a million.

The tables are the Unicode Common Locale Data Repository's, as babel carries them; only the tables
are used. They are read when a locale is first met, and kept.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from penstock.domain.currency_codes import CODES
from penstock.quotes.separators import Notation, canonical_mark
from penstock.quotes.written import bare

if TYPE_CHECKING:
    from babel import Locale

_Value = TypeVar("_Value")

_COUNTS: Final = (0, 1, 2, 3, 5, 6, 11, 20, 100, 1000000, 1.5)
"""Numbers that between them ask for every plural form of every language."""

_QUOTED: Final = re.compile(r"'([^']*)'")


@dataclass(frozen=True)
class Habits:
    """A locale's habits. `own` are the currencies that are legal tender where it is spoken.

    `symbols` maps a currency's sign to codes, `scales` a word to powers of ten: more than one
    where the word means different things.
    """

    language: str
    territory: str
    notation: Notation
    own: frozenset[str]
    symbols: Mapping[str, frozenset[str]]
    scales: Mapping[str, frozenset[int]]
    locale: "Locale"

    @cached_property
    def names(self) -> Mapping[str, frozenset[str]]:
        """The currencies' names in this language, singular and plural, in folded case."""
        from babel.numbers import get_currency_name  # noqa: PLC0415 - only pages in words need it

        names: dict[str, set[str]] = defaultdict(set)
        for code in CODES & self.locale.currencies.keys():
            for count in (None, *_COUNTS):
                name = get_currency_name(code, cast("Any", count), self.locale)
                names[bare(name).casefold()].add(code)
        return _frozen(names)


@lru_cache(maxsize=512)
def habits_of(locale: str) -> Habits | None:
    """Return the habits of a locale (`de-CH`, `zh_Hant_TW`, `en`), None where CLDR has no such."""
    found = _find(locale)
    if found is None:
        return None
    territory = found.territory or _likely_territory(found)
    return Habits(
        language=found.language,
        territory=territory,
        notation=_notation(found),
        own=_tender(territory),
        symbols=_symbols(found),
        scales=_scales(found),
        locale=found,
    )


def _find(locale: str) -> "Locale | None":
    from babel.core import Locale, UnknownLocaleError  # noqa: PLC0415 - `import penstock` is light

    words = locale.partition("@")[0].partition(".")[0].replace("-", "_").split("_")
    for name in ("_".join(words), "_".join(words[:2]), words[0]):
        try:
            found = Locale.parse(name)
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        return None if words[0] == "und" else found
    return None


def _likely_territory(locale: "Locale") -> str:
    from babel.core import get_global  # noqa: PLC0415 - as above

    likely = get_global("likely_subtags")
    for tag in (f"{locale.language}_{locale.script}", locale.language):
        if tag in likely:
            return str(likely[tag]).rpartition("_")[2]
    return ""


def _tender(territory: str) -> frozenset[str]:
    from babel.core import get_global  # noqa: PLC0415 - as above

    history = get_global("territory_currencies").get(territory, ())
    return frozenset(code for code, _, end, tender in history if end is None and tender)


def _notation(locale: "Locale") -> Notation:
    from babel.numbers import get_decimal_symbol, get_group_symbol  # noqa: PLC0415 - as above

    decimals: set[str | None] = set()
    groups: set[str | None] = set()
    for system in ("latn", locale.default_numbering_system):
        money = locale.number_symbols.get(system, {})
        decimals |= {get_decimal_symbol(locale, numbering_system=system)}
        decimals |= {money.get("currencyDecimal")}
        groups |= {get_group_symbol(locale, numbering_system=system), money.get("currencyGroup")}
    pattern = locale.decimal_formats[cast("Any", None)]
    return Notation(
        frozenset(canonical_mark(sign) for sign in decimals if sign),
        frozenset(canonical_mark(sign) for sign in groups - decimals if sign),
        pattern.grouping,
    )


def _symbols(locale: "Locale") -> Mapping[str, frozenset[str]]:
    symbols: dict[str, set[str]] = defaultdict(set)
    for code, symbol in locale.currency_symbols.items():
        if code in CODES and symbol != code:
            symbols[bare(symbol)].add(code)
    return _frozen(symbols)


def _scales(locale: "Locale") -> Mapping[str, frozenset[int]]:
    """Read the words of `1.2 Mio.` out of the patterns for compact numbers."""
    scales: dict[str, set[int]] = defaultdict(set)
    for magnitude, pattern in _compact_patterns(locale):
        before, zeros, after = re.split(r"(0+)", _QUOTED.sub(r"\1", pattern), maxsplit=1)
        word = bare(after).removesuffix(".")
        if word and not before.strip() and " " not in word:
            scales[word].add(len(magnitude) - len(zeros))
    return _frozen(scales)


def _compact_patterns(locale: "Locale") -> Iterator[tuple[str, str]]:
    """Yield `("1000000", "0 Mio'.'")` for each length, plural form and power of ten."""
    lengths = locale.compact_decimal_formats
    for length in ("short", "long"):
        for patterns in lengths.get(length, {}).values():
            for magnitude, pattern in patterns.items():
                if "0" in pattern.pattern:
                    yield magnitude, pattern.pattern


def _frozen(table: dict[str, set[_Value]]) -> Mapping[str, frozenset[_Value]]:
    return {key: frozenset(values) for key, values in table.items() if key}
