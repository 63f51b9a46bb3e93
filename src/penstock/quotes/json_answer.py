"""Prices in JSON, by the paths of a declaration (declared/path.py). Decoded once, for all symbols.

Only what the paths lead to is decoded, into a type made for them (json_shape.py); each end of a
path stays as the bytes that stand there. A document of another shape than that is followed step by
step, so that one odd row takes nothing from the others.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec

from penstock.domain.quote import LayoutChanged, WrongSymbol
from penstock.quotes.declared.path import Path
from penstock.quotes.declared.template import fill, fits
from penstock.quotes.declared.ways import Json
from penstock.quotes.found import Found
from penstock.quotes.json_plan import Node, Plan, Route, plans_of

_FIGURE: Final = frozenset("-0123456789")
_NO_FIGURE: Final = frozenset("{[tf")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_WRITTEN: Final = msgspec.json.Encoder()
_TEXT: Final = msgspec.json.Decoder(str)
_TWICE: Final = object()


class JsonAnswer:
    """One answer, as one way of a declaration reads it."""

    def __init__(self, way: Json, body: bytes, *, quick: bool = True) -> None:
        """Decode what the way looks at. Raises LayoutChanged for what is no JSON.

        Without `quick` it is followed step by step, whatever its shape.
        """
        self._way = way
        self._plan, self._root = _decoded(way, body, quick=quick)

    def find(self, words: Mapping[str, str], names: Collection[str]) -> Found | None:
        """Return what the way finds about a symbol, by its words and the names it may have there.

        None where the way finds no price, or not when it was made. Raises WrongSymbol where two
        rows are about it.
        """
        way, plan = self._way, self._plan
        if not all(fits(path, words) for path in plan.templates):
            return None
        row = self._row(names) if way.each else None
        if way.each and row is None:
            return None
        if not all(self._at(route, row, words) is not None for route in plan.requires):
            return None
        if plan.pick and row is not None and not isinstance(row, msgspec.Raw):
            read = dict(zip(plan.fields, map(_shown, plan.pick(row)), strict=True))
        else:
            read = {name: self._at(route, row, words) for name, route in plan.fields.items()}
        unknown = read.get("unknown") is not None
        price = read["price"]
        if not unknown and (price is None or (way.time and read["time"] is None)):
            return None
        if price is not None and price[:1] in _NO_FIGURE:
            raise LayoutChanged(f"{way.price} leads to {price[:60]}, which is no price.")
        return Found(
            extractor=way.name,
            price=_text(price) or "",
            exact=price is not None and price[:1] in _FIGURE,
            currency=_constant(way, words) or _text(read.get("currency")),
            time=_text(read.get("time")),
            symbol=(_text(read["symbol"]) or "") if way.symbol and not way.each else None,
            venue=_text(read.get("venue")),
            delay=_text(read.get("delay")),
            percent_of_par=_truth(way, read.get("percent_of_par")),
            unknown=unknown,
        )

    @property
    def names_symbols(self) -> bool:
        """Whether parts of the answer are of one symbol each."""
        return bool(self._way.each or self._plan.whose)

    def has(self, words: Mapping[str, str], names: Collection[str]) -> bool:
        """Say whether there is anything about a symbol at all."""
        if self._way.each:
            return self._row(names) is not None
        fitting = all(fits(path, words) for path in self._plan.templates)
        return fitting and _followed(self._plan.whose, self._root, words) is not None

    def _at(self, route: Route, row: Node, words: Mapping[str, str]) -> str | None:
        """Return the value at the end of a path, as it stands there; None for null and for none."""
        return _shown(_followed(route.steps, row if route.of_row else self._root, words))

    def _row(self, names: Collection[str]) -> Node:
        """Return the row that is about a symbol. Raises WrongSymbol where there are several."""
        for name in names:
            row = self._rows.get(name)
            if row is _TWICE:
                raise WrongSymbol(f"The answer speaks of {name} twice.")
            if row is not None:
                return row
        return None

    @cached_property
    def _rows(self) -> Mapping[str, Node]:
        """The rows, by the names of their symbols in capital letters."""
        rows: dict[str, Node] = {}
        route = self._plan.fields["symbol"]
        for row in _several(_followed(self._plan.rows, self._root, {})):
            name = (_text(self._at(route, row, {})) or "").upper()
            rows[name] = _TWICE if name in rows else row
        return rows


def _decoded(way: Json, body: bytes, *, quick: bool) -> tuple[Plan, Node]:
    """Return a document as far as a way looks into it, and how to follow its paths there."""
    expected, slow = plans_of(way)
    plan = expected if quick else slow
    try:
        return plan, plan.decoder.decode(body)
    except msgspec.ValidationError:
        return slow, slow.decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LayoutChanged(f"The answer is no JSON that can be read: {error}.") from error


def _followed(steps: Path, node: Node, words: Mapping[str, str]) -> Node:
    """Return what the steps lead to from a node, None where they lead nowhere."""
    for step in steps:
        if isinstance(node, msgspec.Raw):
            node = _opened(node)
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and -len(node) <= step < len(node) else None
        elif isinstance(node, dict):
            node = node.get(fill(step, words) if "{" in step else step)
        else:
            node = getattr(node, step, None) if isinstance(node, msgspec.Struct) else None
        if node is None:
            return None
    return node


def _opened(raw: msgspec.Raw) -> Node:
    """Return an object or a list with its parts as they stand there, None for anything else."""
    begin = bytes(raw).lstrip()[:1]
    try:
        if begin == b"{":
            return _OBJECT.decode(raw)
        return _ARRAY.decode(raw) if begin == b"[" else None
    except msgspec.DecodeError:
        return None


def _several(node: Node) -> Iterable[Node]:
    """Return the rows in a list, or the values of an object."""
    if isinstance(node, msgspec.Raw):
        node = _opened(node)
    rows = node.values() if isinstance(node, dict) else node
    return [row for row in rows if row is not None] if rows else []


def _constant(way: Json, words: Mapping[str, str]) -> str | None:
    """Return the currency that the declaration itself names."""
    if way.currency is None or "currency" in way.fields:
        return None
    return fill(way.currency, words).upper() if "{" in way.currency else way.currency


def _shown(node: Node) -> str | None:
    """Return a value as it stands there; None for null and for none."""
    if isinstance(node, msgspec.Raw):
        text = bytes(node).decode("utf-8", "replace")
        return None if text == "null" else text
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, str):
        return node if node[:1] != '"' else _WRITTEN.encode(node).decode()
    return str(node) if isinstance(node, int) else None


def _text(written: str | None) -> str | None:
    """Return what a text of JSON says, and anything else as it stands there."""
    if written is None or not written.startswith('"'):
        return written
    try:
        return _TEXT.decode(written)
    except msgspec.DecodeError:
        return written


def _truth(way: Json, written: str | None) -> bool | None:
    """Say whether a price is in percent of par, None where the way does not ask.

    Raises LayoutChanged where it asks, and the answer does not say.
    """
    if way.percent_of_par is None:
        return None
    if written not in ("true", "false"):
        raise LayoutChanged("The answer does not say whether its price is in percent of par.")
    return written == "true"
