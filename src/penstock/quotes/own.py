"""Sources that a person adds: a declaration in a folder, with recorded answers beside it.

Such a declaration is one like those that come with Penstock, and has at least one `[[golden]]`
part: a recorded answer in the same folder, and what must be read from it. What cannot be read, or
does not keep to its golden part, is not used, and says why by field.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from penstock.quotes.declaration import Declaration
from penstock.quotes.fault import Fault, fault_in, located
from penstock.quotes.golden import Golden, wrong_in
from penstock.quotes.own_terms import Terms, overstepped

MOST: Final = 200
"""How many declarations are read of one folder."""
LONGEST: Final = 64 * 1024
"""How many bytes a declaration may have."""
LONGEST_ANSWER: Final = 8 * 1024 * 1024
"""How many bytes a recorded answer may have."""
_ENDING: Final = ".toml"


class OwnDeclaration(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A declaration of one's own: with the recorded answers that prove it."""

    golden: tuple[Golden, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(one.price is not None for one in self.golden):
            raise ValueError("golden has at least one recorded answer with a price")
        if self.history and not any(one.closes for one in self.golden):
            raise ValueError("with [history], golden has a recorded answer with closes")


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A file of a person's own: its declaration, or the faults for which it is not used."""

    id: str
    path: Path
    declared: OwnDeclaration | None = None
    faults: tuple[Fault, ...] = ()
    text: str = field(default="", repr=False)

    @property
    def is_sound(self) -> bool:
        """Whether nothing wrong was found so far."""
        return self.declared is not None and not self.faults


def read_folder(folder: Path, terms: Terms) -> list[OwnSource]:
    """Return every source that is declared in a folder, in the order of their names, unproven."""
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(_ENDING))
    return [read_file(path, terms) for path in paths[:MOST]]


def check_file(path: Path, terms: Terms) -> OwnSource:
    """Read a declaration and hold it against its golden part. Nothing is asked of anybody."""
    return proven(read_file(path, terms))


def read_file(path: Path, terms: Terms) -> OwnSource:
    """Read a declaration. What is wrong with it is in the answer; nothing is raised."""
    name = path.name.removesuffix(_ENDING)
    try:
        text = _bytes_of(path, path.parent, LONGEST).decode("utf-8")
    except (OSError, ValueError) as error:
        return OwnSource(name, path, faults=(Fault("", _why(error)),))
    try:
        declared = msgspec.toml.decode(text, type=OwnDeclaration)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return OwnSource(name, path, faults=(fault_in(text, error),), text=text)
    faults = tuple(located(text, steps, why) for steps, why in overstepped(declared, name, terms))
    return OwnSource(name, path, declared, faults, text)


def proven(own: OwnSource) -> OwnSource:
    """Return the source with every fault of its golden part."""
    if own.declared is None or own.faults:
        return own
    wrong = (
        located(own.text, ("golden", place, *((name,) if name else ())), why)
        for place, golden in enumerate(own.declared.golden)
        for name, why in _of_golden(own.declared, golden, own.path.parent)
    )
    return replace(own, faults=tuple(wrong))


def _of_golden(declared: Declaration, golden: Golden, folder: Path) -> Iterator[tuple[str, str]]:
    try:
        body = _bytes_of(_inside(folder, golden.file), folder, LONGEST_ANSWER)
    except (OSError, ValueError) as error:
        yield "file", _why(error)
    else:
        yield from wrong_in(declared, golden, body)


def _inside(folder: Path, written: str) -> Path:
    """Return the path of a file as a declaration names it. Raises ValueError for one elsewhere."""
    parts = PurePosixPath(written).parts
    if not parts or written.startswith("/") or re.search(r"[\\:\0]", written) or ".." in parts:
        raise ValueError("name a file of this folder: answers/sap.json")
    return folder.joinpath(*parts)


def _bytes_of(path: Path, folder: Path, most: int) -> bytes:
    """Return what is in a file. Raises OSError, and ValueError where it may not be read.

    A link that leads out of the folder is refused, and whatever is no file: a pipe has no end.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("leads out of the folder")
    if not path.exists():
        raise ValueError("there is no such file in the folder")
    if not path.is_file():
        raise ValueError("is no file")
    with path.open("rb") as file:
        body = file.read(most + 1)
    if len(body) > most:
        raise ValueError(f"is longer than {most:,} bytes")
    return body


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is no UTF-8"
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
