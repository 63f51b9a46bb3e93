"""How the paths of a declaration are followed in JSON: worked out once for each way.

There are two plans: one for documents as they are expected, decoded into a type made for the paths
(json_shape.py), and one for any other document, which is followed step by step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from penstock.quotes.declared.path import Path, is_of_row, steps_of
from penstock.quotes.declared.ways import Json
from penstock.quotes.json_shape import shape_of

Node = Any
"""A part of a document: a struct, list or map, or the bytes (`msgspec.Raw`) of what is not decoded.

In a struct, steps have the names that json_shape.py gave them.
"""

_KINDS: Final[Mapping[str, Node]] = {
    "currency": str | None,
    "symbol": str | None,
    "venue": str | None,
    "time": int | str | None,
    "delay": int | str | None,
    "percent_of_par": bool | None,
}
"""What the ends of paths are where the answer is as it is expected; figures stay as they stand."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path, ready to be followed: whether it begins at the symbol's row, and its steps."""

    of_row: bool
    steps: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """All the paths of a way, as steps in one kind of decoded document.

    `rows` leads to the rows of several symbols, `whose` to the part that is about one. `pick` reads
    all fields of a row at once, where they are all in the row itself.
    """

    decoder: "msgspec.json.Decoder[Node]"
    rows: Path
    fields: Mapping[str, Route]
    whose: Path
    requires: tuple[Route, ...]
    templates: tuple[str, ...]
    pick: "attrgetter[tuple[Node, ...]] | None" = None


def plans_of(way: Json) -> tuple[Plan, Plan]:
    """Return the plans for a document of the shape that is expected, and for any other."""
    return _plans(way.each, tuple(way.fields.items()), way.requires)


@lru_cache(maxsize=256)
def _plans(
    each: str | None, fields: tuple[tuple[str, str], ...], requires: tuple[str, ...]
) -> tuple[Plan, Plan]:
    """Return the plans for a document of the shape that is expected, and for any other."""
    rows = steps_of(each) if each else ()
    whole = {
        text: (*rows, 0, *steps_of(text)) if is_of_row(text) else steps_of(text)
        for text in (*(path for _, path in fields), *requires)
    }
    plain = {text: Route(is_of_row(text), steps_of(text)) for text in whole}
    price = dict(fields)["price"]
    templates = tuple(text for text in whole if "{" in text)
    slow = Plan(
        msgspec.json.Decoder(msgspec.Raw),
        rows,
        {field: plain[text] for field, text in fields},
        _whose(plain[price].steps),
        tuple(plain[text] for text in requires),
        templates,
    )
    kinds: dict[Path, Node] = {}
    for field, text in (*fields, *(("requires", text) for text in requires)):
        known = kinds.setdefault(whole[text], kind := _KINDS.get(field, msgspec.Raw))
        if known is not kind:
            kinds[whole[text]] = msgspec.Raw
    shape = shape_of(kinds)
    if shape is None:
        return slow, slow
    called = {
        text: Route(is_of_row(text), shape.paths[path][len(rows) + 1 if is_of_row(text) else 0 :])
        for text, path in whole.items()
    }
    quick = Plan(
        msgspec.json.Decoder(shape.type),
        shape.paths[whole[price]][: len(rows)] if each else (),
        {field: called[text] for field, text in fields},
        _whose(called[price].steps),
        tuple(called[text] for text in requires),
        templates,
        _picking([called[text] for _, text in fields]),
    )
    return quick, slow


def _picking(routes: Sequence[Route]) -> "attrgetter[tuple[Node, ...]] | None":
    """Return what reads all fields of a row at once, where they are all in the row itself."""
    if len(routes) < 2 or not all(one.of_row and len(one.steps) == 1 for one in routes):  # noqa: PLR2004 - one is no tuple
        return None
    names = [str(one.steps[0]) for one in routes]
    return None if any("{" in name for name in names) else attrgetter(*names)


def _whose(price: Path) -> Path:
    """Return the way to the part that is about one symbol: up to the last step that names it."""
    named = [place for place, step in enumerate(price) if "{" in str(step)]
    return price[: named[-1] + 1] if named else ()
