"""The part of a JSON document that some paths lead to, as a type: the rest is not looked at.

What a path ends at is kept as the bytes that stand there (`msgspec.Raw`), so that no digit is lost,
unless it is known to be something else than a figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.quotes.declared.path import Path, Step

Kind = Any
"""A type, made here."""

Tree = dict[Step, "Tree"]
Names = dict[tuple[int, Step], str]


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a document, and each path's steps by the names that they have in it."""

    type: Kind
    paths: Mapping[Path, Path]


class _Unshaped(Exception):
    """These paths have no common type."""


def shape_of(paths: Mapping[Path, Kind]) -> Shape | None:
    """Return the type in which each path leads to its own kind of value, None where there is none.

    There is none where one step is a number and a name at once, or a certain and any name.
    """
    tree: Tree = {}
    ends: dict[int, Kind] = {}
    for path, kind in paths.items():
        node = tree
        for step in path:
            node = node.setdefault(_branch(step), {})
        ends[id(node)] = kind
    names: Names = {}
    try:
        whole = _type(tree, names, ends)
    except _Unshaped:
        return None
    return Shape(whole, {path: _called(path, tree, names) for path in paths})


def _branch(step: Step) -> Step:
    """Return the branch of a step: all rows of a list have one type."""
    return 0 if isinstance(step, int) else step


def _type(tree: Tree, names: Names, ends: Mapping[int, Kind]) -> Kind:
    if not tree:
        return ends[id(tree)]
    if len(tree) == 1:
        ((step, below),) = tree.items()
        if isinstance(step, int):
            return list[_or_null(_type(below, names, ends))]  # type: ignore[misc]  # a type made here
        if "{" in step:
            return dict[str, _or_null(_type(below, names, ends))]  # type: ignore[misc]  # a type made here
    if any(isinstance(step, int) or "{" in step for step in tree):
        raise _Unshaped
    fields, rename = [], {}
    for number, (step, below) in enumerate(tree.items()):
        name = names[id(tree), step] = f"f{number}"
        rename[name] = str(step)
        fields.append((name, _or_null(_type(below, names, ends)), None))
    return msgspec.defstruct("Part", fields, rename=rename, gc=False)


def _or_null(kind: Kind) -> Kind:
    return kind if kind is msgspec.Raw else kind | None


def _called(path: Path, tree: Tree, names: Names) -> Path:
    called: list[Step] = []
    for step in path:
        called.append(names.get((id(tree), step), step))
        tree = tree[_branch(step)]
    return tuple(called)
