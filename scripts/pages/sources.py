"""The page of quote sources, and of what a declaration of one says."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

import msgspec

from penstock.quotes.catalogue import all_sources
from penstock.quotes.declaration import Declaration
from penstock.quotes.golden import Golden
from penstock.quotes.standing import covers
from penstock.settings import Settings
from scripts.pages.table import table

TOP = """# Quote sources

Where prices may come from, and how gently each is asked. `penstock sources` says how each stands in
an installation; [how to add one](../how-to/source.md).

"""
FIELDS = """## What a declaration says

Each part is a table of a TOML file: `[ask]`, `[[extract]]`. A field that is not here is refused.

"""
BY_DEFAULT = Settings.model_fields["quote_sources"].default
SCALARS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def page() -> str:
    """Return the page."""
    known = all_sources()
    rows = [
        (f"`{one.id}`", one.title, one.tier.value, "; ".join(covers(one)), asked(one))
        for one in known
    ]
    head = ["name", "is", "tier", "has", "asked"]
    return TOP + table(head, rows) + "".join(map(section, known)) + FIELDS + fields()


def asked(source: Declaration) -> str:
    """Return how gently a source is asked, in a few words."""
    polite = source.politeness
    said = [f"every {polite.interval:g} s"] if polite.interval else []
    said += [f"{polite.concurrency} at a time"]
    said += [f"{polite.daily:,} a day"] if polite.daily else []
    said += [f"{source.ask.batch} symbols at once"] if source.ask.batch > 1 else []
    said += ["robots.txt"] if polite.robots else []
    return ", ".join(said)


def section(source: Declaration) -> str:
    """Return what there is to know about one source."""
    delay = source.delay_seconds
    rows = [
        ("terms", f"{source.terms} {source.docs}".strip()),
        ("hosts", ", ".join(f"`{host}`" for host in source.hosts)),
        ("in use", "by default" if source.id in BY_DEFAULT else "when it is named"),
        ("key", ", ".join(key(source, one.name, one.required) for one in source.options)),
        ("behind the market", f"{delay / 60:g} min" if delay else ""),
        ("read by", ", ".join(way.name for way in source.extract)),
    ]
    return f"## {source.id}\n\n{source.title}.\n\n" + table(
        ["", ""], [row for row in rows if row[1]]
    )


def key(source: Declaration, name: str, required: bool) -> str:  # noqa: FBT001  as it is declared
    """Return the variable of a key."""
    return f"`PENSTOCK_{source.id.upper()}_{name.upper()}`{'' if required else ' (not required)'}"


def fields() -> str:
    """Return the fields of all parts of a declaration."""
    kinds: list[type[msgspec.Struct]] = [*parts(Declaration, []), Golden]
    return "".join(map(part, kinds))


def parts(kind: type[msgspec.Struct], seen: list[type]) -> list[type[msgspec.Struct]]:
    """Return the parts of a declaration in the order in which they are met."""
    found: list[type[msgspec.Struct]] = []
    if kind in seen:
        return found
    seen.append(kind)
    found.append(kind)
    for field in msgspec.structs.fields(kind):
        for inner in structs_in(field.type):
            found += parts(inner, seen)
    return found


def structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:  # noqa: ANN401 - a type of any kind
    """Yield the parts that a field's type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in get_args(kind):
        yield from structs_in(inner)


def part(kind: type[msgspec.Struct]) -> str:
    """Return the fields of one part."""
    tag = kind.__struct_config__.tag
    title = f'`kind = "{tag}"`' if tag else kind.__name__
    rows = [
        (f"`{field.name}`", written(field.type), default(field))
        for field in msgspec.structs.fields(kind)
    ]
    about = re.sub(r"\n\s+", "\n", kind.__doc__ or "").strip()
    return f"### {title}\n\n{about}\n\n" + table(["field", "is", "default"], rows)


def written(kind: Any) -> str:  # noqa: ANN401 - a type of any kind
    """Return a type in words."""
    inner = [one for one in get_args(kind) if one not in (type(None), ...)]
    match get_origin(kind):
        case None:
            said = named(kind)
        case origin if origin is Literal:
            said = " or ".join(f"`{one}`" for one in inner)
        case origin if origin is tuple:
            said = f"list of {written(inner[0])}"
        case origin if origin is dict:
            said = f"table of {written(inner[-1])}"
        case _:
            said = " or ".join(dict.fromkeys(map(written, inner)))
    return said


def named(kind: type) -> str:
    """Return a type that is made of no others in words."""
    if issubclass(kind, StrEnum):
        return " or ".join(f"`{one.value}`" for one in kind)
    if issubclass(kind, msgspec.Struct):
        tag = kind.__struct_config__.tag
        return f"`{tag}`" if tag else f"[{kind.__name__}](#{kind.__name__.lower()})"
    return SCALARS.get(kind, kind.__name__.lower())


def default(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as it is written in TOML; `-` where it may be left out."""
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT or value is None or isinstance(value, msgspec.Struct | tuple):
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, int | float) else f'`"{value}"`'
