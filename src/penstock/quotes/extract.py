"""Finding the price in an answer, by the declaration's alternates in their order.

An answer is decoded once, however many symbols are looked for in it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from penstock.domain.quote import LayoutChanged, SymbolNotFound
from penstock.quotes.agreement import agreed
from penstock.quotes.declaration import Anchored, Css, Csv, Declaration, Json, Table, fill, fits
from penstock.quotes.declared.ways import Embedded, Extractor, Meta
from penstock.quotes.document import Document
from penstock.quotes.found import Found
from penstock.quotes.json_answer import JsonAnswer
from penstock.quotes.pages import embedded, in_meta
from penstock.quotes.rows import Rows, rows_of_csv, rows_of_table
from penstock.quotes.symbol import Symbol

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_ATTRIBUTE: Final = "@"
_TEXT: Final = "text"


def found_in(source: Declaration, symbol: Symbol, document: Document) -> Found | None:
    """Return what the first alternate that finds something finds, None where none does.

    Raises SymbolNotFound where the answer speaks of others, but not of this symbol, and
    LayoutChanged where it cannot be decoded.
    """
    words, names = source.words(symbol), source.names(symbol)
    problem: LayoutChanged | None = None
    seen: list[bool] = []
    for way in source.extract:
        try:
            found = _by(way, words, names, document, seen)
        except LayoutChanged as error:
            problem = problem or error
            continue
        if found:
            return found
    if seen and not any(seen):
        raise SymbolNotFound(f"{source.title} answered without {symbol}.")
    if problem:
        raise problem
    return None


def _by(
    way: Extractor,
    words: Mapping[str, str],
    names: Collection[str],
    document: Document,
    seen: list[bool],
) -> Found | None:
    """Return what one way finds; `seen` collects whether those with rows have the symbol."""
    if isinstance(way, Anchored):
        return agreed(_behind_anchors(way, words, document.body))
    if isinstance(way, Css):
        return agreed(_selected(way, words, document))
    if isinstance(way, Meta):
        return in_meta(way, document.body)
    if isinstance(way, Embedded):
        return agreed(embedded(way, words, names, document.body))
    if isinstance(way, Json | Csv | Table):
        decoded = _decoded(way, document)
        found = decoded.find(words, names)
        if found is None and decoded.names_symbols:
            seen.append(decoded.has(words, names))
        return found
    return None


def _decoded(way: Json | Csv | Table, document: Document) -> JsonAnswer | Rows:
    if isinstance(way, Json):
        return document.once(way.name, lambda body: JsonAnswer(way, body))
    if isinstance(way, Csv):
        return document.once(way.name, lambda body: rows_of_csv(way, body))
    return document.once(way.name, lambda _: rows_of_table(way, document.tree))


def _behind_anchors(extractor: Anchored, words: Mapping[str, str], body: bytes) -> Iterator[Found]:
    if not fits(extractor.anchor, words):
        return
    anchor = fill(extractor.anchor, words).encode()
    pattern = _compiled(extractor.pattern)
    for place in _places(body, anchor):
        match = pattern.match(body, place, place + extractor.window)
        if match:
            groups = {name: _text(value) for name, value in match.groupdict().items()}
            currency = extractor.currency and fill(extractor.currency, words)
            yield Found(
                extractor.name,
                groups["price"] or "",
                currency or groups.get("currency"),
                groups.get("time"),
                groups.get("symbol"),
            )


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


def _selected(extractor: Css, words: Mapping[str, str], document: Document) -> Iterator[Found]:
    if not _required(extractor, words, document.body):
        return
    # A symbol is made of letters, digits and `.&:-` (symbol.py): in quotes it selects nothing else.
    for node in _nodes(document.tree, fill(extractor.select, words)):
        yield Found(
            extractor.name,
            _field(node, extractor.price) or "",
            _field(node, extractor.currency),
            _field(node, extractor.time),
            (_field(node, extractor.symbol) or "") if extractor.symbol else None,
        )


def _nodes(page: "LexborHTMLParser", selector: str) -> "Sequence[LexborNode]":
    from selectolax.lexbor import SelectolaxError  # noqa: PLC0415 - it is there if the page is

    try:
        return page.css(selector)
    except SelectolaxError as error:
        raise LayoutChanged(f"{selector!r} is no CSS selector that can be read.") from error


def _field(node: "LexborNode", field: str | None) -> str | None:
    if field is None:
        return None
    if field.startswith(_ATTRIBUTE):
        return node.attributes.get(field.removeprefix(_ATTRIBUTE))
    return node.text() if field == _TEXT else field
