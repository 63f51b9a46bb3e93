"""Cursors are opaque, and good for nothing but the accounts they were made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.sandbox.cursor import Cursors, CursorUnknown
from penstock.sandbox.delta import Position

NUMBERS = st.integers(0, 10**9)
POSITIONS = st.builds(Position, NUMBERS, NUMBERS, NUMBERS, NUMBERS)


@given(POSITIONS)
def test_a_cursor_names_its_position(position: Position) -> None:
    """What is written is read again, and is at most 256 plain characters."""
    token = Cursors("ada").write(position)
    assert token.isascii()
    assert len(token) <= 256
    assert Cursors("ada").read(token, rows=10**9, version=10**9) == position


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_what_is_no_cursor_is_refused(token: str) -> None:
    """Any other text is not associated, and nothing worse."""
    with pytest.raises(CursorUnknown):
        Cursors("ada").read(token, rows=10**9, version=10**9)


def test_cursors_of_others_are_refused() -> None:
    """Another owner's, a forged, a forgotten one, and one from beyond the world (sync.md 27)."""
    ada = Cursors("ada")
    token = ada.write(Position(5, 2))
    strange = [
        (Cursors("ben"), token, 10, 10),
        (ada, token[:-1] + ("A" if token[-1] != "A" else "B"), 10, 10),
        (ada, token[:-4], 10, 10),
        (ada, token, 4, 10),
        (ada, token, 10, 1),
    ]
    for cursors, text, rows, version in strange:
        with pytest.raises(CursorUnknown):
            cursors.read(text, rows=rows, version=version)
    ada.forget()
    with pytest.raises(CursorUnknown):
        ada.read(token, rows=10, version=10)


def test_the_same_bank_started_again_knows_its_cursors() -> None:
    """The key follows from the owner, so a restarted sandbox goes on where it was."""
    token = Cursors("7:ada:calm:15").write(Position(15))
    assert Cursors("7:ada:calm:15").read(token, rows=15, version=0) == Position(15)
