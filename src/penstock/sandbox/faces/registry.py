"""Every face of the bank. To add one: its file, and its line here."""

from importlib import import_module
from typing import Final

from penstock.sandbox.faces.face import Face

NAMES: Final = (
    "own",
    "starling",
    "up",
    "simplefin",
    "plaid",
    "monzo",
    "mx",
    "berlingroup",
    "enablebanking",
    "snaptrade",
)
"""By the names of their files, in the order in which people are shown them.

The first is the bank's own protocol.
"""


def _face(name: str) -> Face:
    """Return what a face's file declares."""
    face = import_module(f"penstock.sandbox.faces.{name}").FACE
    if not isinstance(face, Face):
        raise TypeError(f"sandbox/faces/{name}.py declares no FACE.")
    return face


FACES: Final[tuple[Face, ...]] = tuple(map(_face, NAMES))
"""Every face, in the same order."""


def face_named(name: str) -> Face:
    """Return a face. Raises KeyError."""
    return {face.name: face for face in FACES}[name]
