"""Every face of the bank. To add one: its file, and its line here."""

from typing import Final

from penstock.sandbox.faces import (
    berlingroup,
    enablebanking,
    monzo,
    mx,
    own,
    plaid,
    simplefin,
    snaptrade,
    starling,
    up,
)
from penstock.sandbox.faces.face import Face

FACES: Final[tuple[Face, ...]] = (
    own.FACE,
    starling.FACE,
    up.FACE,
    simplefin.FACE,
    plaid.FACE,
    monzo.FACE,
    mx.FACE,
    berlingroup.FACE,
    enablebanking.FACE,
    snaptrade.FACE,
)
"""In the order in which people are shown them; the first is the bank's own protocol."""


def face_named(name: str) -> Face:
    """Return a face. Raises KeyError."""
    return {face.name: face for face in FACES}[name]
