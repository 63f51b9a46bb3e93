"""What a page says beside its text: in `<meta>` elements, and in JSON that stands inside it.

Both are found by looking for their marks in the bytes. A tree of the page, which costs more than
all the rest, is not made.
"""

import html
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from penstock.domain.quote import LayoutChanged
from penstock.quotes.declared.ways import Embedded, Meta
from penstock.quotes.found import Found
from penstock.quotes.json_answer import JsonAnswer

_HEAD: Final = 512 * 1024
_ELEMENT: Final = 4096
_MOST: Final = 500
"""How many documents are looked at in one page."""

_BODY: Final = re.compile(rb"<body[\s>]", re.IGNORECASE)
_META: Final = re.compile(rb"<meta\b", re.IGNORECASE)
_ATTRIBUTES: Final = re.compile(
    rb"""\s*([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=]+)))?"""
)
_NAMES: Final = ("name", "property", "itemprop")
_END: Final = re.compile(rb"</script", re.IGNORECASE)


def in_meta(way: Meta, body: bytes) -> Found | None:
    """Return what the page's own `<meta>` elements say; None where they name no price or symbol.

    Raises LayoutChanged where two of them differ about one thing that is asked for.
    """
    asked = {name for name in (way.price, way.symbol, way.currency, way.time) if name}
    said: dict[str, str] = {}
    for name, content in _meta(body):
        if name in asked and said.setdefault(name, content) != content:
            raise LayoutChanged(f"The page says {name} twice: {said[name]!r} and {content!r}.")
    if way.price not in said or way.symbol not in said:
        return None
    return Found(
        way.name,
        said[way.price],
        currency=said.get(way.currency, way.currency) if way.currency else None,
        time=said.get(way.time) if way.time else None,
        symbol=said[way.symbol],
    )


def embedded(
    way: Embedded, words: Mapping[str, str], names: Collection[str], body: bytes
) -> Iterator[Found]:
    """Yield what each JSON document in a page says of a symbol.

    Where documents say whose they are, those of others are left out, unless there is no other: who
    checks the symbol then finds out. What is no JSON is left out as well.
    """
    others: list[Found] = []
    ours = False
    for document in _documents(way, body):
        ours = ours or any(name.encode() in document.upper() for name in names)
        try:
            found = JsonAnswer(way, document).find(words, names)
        except LayoutChanged:
            continue
        if found is None:
            continue
        if way.symbol and not way.each and (found.symbol or "").upper() not in names:
            others.append(found)
        else:
            yield found
    if not ours:
        yield from others[:1]


def _meta(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each `<meta>` element of a page's head."""
    end = _BODY.search(body, 0, _HEAD)
    head = body[: end.start() if end else _HEAD]
    for mark in _META.finditer(head):
        attributes: dict[str, str] = {}
        place = mark.end()
        while found := _ATTRIBUTES.match(head, place, mark.end() + _ELEMENT):
            value = next((part for part in found.groups()[1:] if part is not None), b"")
            attributes.setdefault(found[1].decode("utf-8", "replace").lower(), _text(value))
            place = found.end()
        for kind in _NAMES:
            if kind in attributes and "content" in attributes:
                yield attributes[kind], attributes["content"]


def _documents(way: Embedded, body: bytes) -> Iterator[bytes]:
    if way.attribute:
        yield from _in_attributes(way.attribute, body)
    elif way.script:
        yield from _in_scripts(way.script, body)


def _in_attributes(name: str, body: bytes) -> Iterator[bytes]:
    for found in islice(_attribute(name).finditer(body), _MOST):
        if body[max(found.start() - 1, 0) : found.start()].isspace():
            written = found[1] if found[1] is not None else found[2]
            yield _text(written).encode() if b"&" in written else written


def _in_scripts(name: str, body: bytes) -> Iterator[bytes]:
    for found in islice(_script(name).finditer(body), _MOST):
        end = _END.search(body, found.end())
        yield body[found.end() : end.start() if end else len(body)]


@lru_cache(maxsize=64)
def _attribute(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"""%s\s*=\s*(?:"([^"]*)"|'([^']*)')""" % re.escape(name.encode()))


@lru_cache(maxsize=64)
def _script(name: str) -> re.Pattern[bytes]:
    named = rb"""(?:"%(name)s"|'%(name)s'|%(name)s(?=[\s>]))""" % {
        b"name": re.escape(name.encode())
    }
    return re.compile(rb"<script\b[^<>]{0,400}?\sid\s*=\s*%s[^<>]{0,400}>" % named, re.IGNORECASE)


def _text(written: bytes) -> str:
    return html.unescape(written.decode("utf-8", "replace"))
