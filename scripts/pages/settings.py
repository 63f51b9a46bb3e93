"""The page of settings."""

import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from penstock.connectors import KINDS
from penstock.domain.option import variable
from penstock.quotes.catalogue import all_sources
from penstock.settings import Settings
from scripts.pages.table import table

TOP = """# Settings

Each is a variable of the environment, or a line of the file `.env` in the home folder. Flags beat
the environment, and the environment beats the file. `PENSTOCK_HOME` itself is not read from there.

"""

CONNECTORS = """
## Of connectors

Without those that are required a connector is not ready.

"""


SOURCES = """
## Of quote sources

A source that wants a key is asked when it is named in `PENSTOCK_QUOTE_SOURCES` and its key is set.

"""


def page() -> str:
    """Return the page."""
    rows = [
        (f"`PENSTOCK_{name.upper()}`", default(field), field.description or "")
        for name, field in Settings.model_fields.items()
        if not field.exclude
    ]
    head = ["variable", "default", "what it does"]
    parts = [TOP, table(head, rows), CONNECTORS, table(head, list(options()))]
    return "".join([*parts, SOURCES, table(head, list(keys()))])


def options() -> Iterator[tuple[str, str, str]]:
    """Yield what connectors are told, but for what the installation's own settings say."""
    for kind in KINDS:
        for one in kind.options:
            name = f"{kind.name}_{one.name}"
            if name not in Settings.model_fields:
                needed = " Required." if one.required else ""
                yield f"`PENSTOCK_{name.upper()}`", written(one.default), one.description + needed


def keys() -> Iterator[tuple[str, str, str]]:
    """Yield the keys of the quote sources that come with Penstock."""
    for source in all_sources():
        for one in source.options:
            needed = " Required." if one.required else ""
            name = variable(f"{source.id}_{one.name}")
            yield f"`{name}`", "", f"{source.title}: {one.description}{needed}"


def default(field: FieldInfo) -> str:
    """Return a field's default as it would be written in the environment."""
    if field.default_factory is not None:
        return "the data folder of the platform" if field.annotation is Path else ""
    return written(field.default) if not is_secret(field) else ""


def written(value: Any) -> str:  # noqa: ANN401 - a setting may be anything
    """Return a value as text for a cell: nothing for nothing."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    if isinstance(value, StrEnum):
        return f"`{value.value}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def is_secret(field: FieldInfo) -> bool:
    """Say whether a setting holds a secret, whose default nobody should read."""
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))
