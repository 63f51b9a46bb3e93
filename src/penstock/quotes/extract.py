"""Finding the price in an answer, by the declaration's alternates in their order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from penstock.quotes.declaration import Anchored, Css, Declaration, fill, fits
from penstock.quotes.document import Document
from penstock.quotes.symbol import Symbol

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_ATTRIBUTE: Final = "@"
_TEXT: Final = "text"


@dataclass(frozen=True, slots=True)
class Found:
    """What an alternate found, as texts: `extractor` is its name, `symbol` whose price it says."""

    extractor: str
    price: str
    currency: str | None = None
    time: str | None = None
    symbol: str | None = None


def found_in(source: Declaration, symbol: Symbol, document: Document) -> Found | None:
    """Return what the first alternate that finds something finds, None where none does."""
    body, words = document.body, source.words(symbol)
    for extractor in source.extract:
        found = None
        if isinstance(extractor, Anchored) and fits(extractor.anchor, words):
            found = _behind_anchor(extractor, words, body)
        elif isinstance(extractor, Css) and _required(extractor, words, body):
            found = _selected(extractor, words, document.tree)
        if found:
            return found
    return None


def _behind_anchor(extractor: Anchored, words: Mapping[str, str], body: bytes) -> Found | None:
    anchor = fill(extractor.anchor, words).encode()
    pattern = _compiled(extractor.pattern)
    for place in _places(body, anchor):
        match = pattern.match(body, place, place + extractor.window)
        if match:
            groups = {name: _text(value) for name, value in match.groupdict().items()}
            currency = extractor.currency and fill(extractor.currency, words)
            return Found(
                extractor.name,
                groups["price"] or "",
                currency or groups.get("currency"),
                groups.get("time"),
                groups.get("symbol"),
            )
    return None


def _places(body: bytes, anchor: bytes) -> Iterator[int]:
    """Yield the end of each occurrence of the anchor."""
    place = body.find(anchor)
    while place >= 0:
        place += len(anchor)
        yield place
        place = body.find(anchor, place)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _required(extractor: Css, words: Mapping[str, str], body: bytes) -> bool:
    templates = (extractor.select, *extractor.requires)
    if not all(fits(template, words) for template in templates):
        return False
    return all(fill(text, words).encode() in body for text in extractor.requires)


def _selected(extractor: Css, words: Mapping[str, str], page: "LexborHTMLParser") -> Found | None:
    # A symbol is made of letters, digits and `.&:-` (symbol.py): in quotes it selects nothing else.
    node = page.css_first(fill(extractor.select, words))
    if node is None:
        return None
    return Found(
        extractor.name,
        _field(node, extractor.price) or "",
        _field(node, extractor.currency),
        _field(node, extractor.time),
        (_field(node, extractor.symbol) or "") if extractor.symbol else None,
    )


def _field(node: "LexborNode", field: str | None) -> str | None:
    if field is None:
        return None
    if field.startswith(_ATTRIBUTE):
        return node.attributes.get(field.removeprefix(_ATTRIBUTE))
    return node.text() if field == _TEXT else field
