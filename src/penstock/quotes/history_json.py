"""Days and their closes in JSON, by the paths of a declaration's `[history]`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from penstock.domain.quote import LayoutChanged, SymbolNotFound
from penstock.quotes.declared.history import Days, Splits
from penstock.quotes.declared.path import is_path, steps_of
from penstock.quotes.declared.template import fill, fits
from penstock.quotes.found import Found

Node = Any
"""A part of a document: an object, a list, a text, a figure, or nothing."""

MOST: Final = 50_000


class Figure(str):
    """A number of JSON, as it is written."""

    __slots__ = ()


class DaysAnswer:
    """One answer, decoded; no digit of its numbers is lost."""

    def __init__(self, way: Days, body: bytes) -> None:
        """Decode it. Raises LayoutChanged for what is no JSON."""
        self._way = way
        try:
            self._root = json.loads(
                body, parse_float=Figure, parse_int=Figure, parse_constant=_refuse
            )
        except (ValueError, RecursionError) as error:
            raise LayoutChanged(f"The answer is no JSON that can be read: {error}.") from error

    def find(self, words: Mapping[str, str]) -> Iterator[Found]:
        """Yield each day that has a close. Raises LayoutChanged, and SymbolNotFound for no days."""
        way = self._way
        symbol = self._text(way.symbol, words)
        currency, venue = self._currency(words), self._text(way.venue, words)
        for time, price in self._pairs(words, named=symbol is not None):
            if isinstance(price, str) and isinstance(time, str):
                yield Found(
                    extractor=way.name,
                    price=str(price),
                    exact=isinstance(price, Figure),
                    time=str(time),
                    currency=currency,
                    symbol=(symbol or "") if way.symbol else None,
                    venue=venue,
                )
            elif price is not None:
                raise LayoutChanged(f"{way.price} leads to what is no price.")

    def splits(self, splits: Splits) -> Iterator[tuple[str, str, str]]:
        """Yield the day of each split, and how many new shares there were for how many old."""
        for _, row in _rows(_at(self._root, splits.each, {})):
            parts = [_at(row, path, {}) for path in (splits.time, splits.new, splits.old)]
            if not all(isinstance(part, str) for part in parts):
                raise LayoutChanged(f"{splits.each} leads to what is no split.")
            yield str(parts[0]), str(parts[1]), str(parts[2])

    def _pairs(self, words: Mapping[str, str], *, named: bool) -> Iterator[tuple[Node, Node]]:
        """Yield the days and closes; none where an answer about the symbol has no days."""
        way = self._way
        if way.each:
            rows = _at(self._root, way.each, words)
            for key, row in _rows(rows):
                time = key if way.time == "key" else _at(row, way.time, words)
                yield time, _at(row, way.price, words)
            there = rows is not None
        else:
            times, prices = (_at(self._root, path, words) for path in (way.time, way.price))
            there = isinstance(times, list) and isinstance(prices, list)
            if there and len(times) != len(prices):
                raise LayoutChanged(f"It has {len(times)} days, and {len(prices)} closes.")
            yield from zip(times, prices, strict=True) if there else ()
        if not there and not named:
            raise SymbolNotFound("The answer has no days of it.")

    def _text(self, path: str | None, words: Mapping[str, str]) -> str | None:
        found = _at(self._root, path, words) if path else None
        return str(found) if isinstance(found, str) else None

    def _currency(self, words: Mapping[str, str]) -> str | None:
        said = self._way.currency
        if said is None or is_path(said):
            return self._text(said, words)
        return fill(said, words).upper() if "{" in said else said


def _at(node: Node, path: str, words: Mapping[str, str]) -> Node:
    """Return what a path leads to, None where it leads nowhere."""
    if not fits(path, words):
        return None
    for step in steps_of(path):
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and -len(node) <= step < len(node) else None
        else:
            name = fill(step, words) if "{" in step else step
            node = node.get(name) if isinstance(node, dict) else None
    return node


def _rows(node: Node) -> list[tuple[str, Node]]:
    """Return the rows of a list, or of an object with their names."""
    rows = list(node.items()) if isinstance(node, dict) else [("", one) for one in node or ()]
    if len(rows) > MOST:
        raise LayoutChanged(f"The answer has {len(rows)} rows, which are too many.")
    return rows


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
