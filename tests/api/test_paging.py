"""Cursors: opaque, good for one list, and checked."""

from datetime import date, datetime
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.errors import BadCursor
from penstock.api.paging import Wanted, cursor_after


class Position(NamedTuple):
    """What orders the list of these tests."""

    day: date
    number: int


HERE = Position(date(2026, 11, 21), 42)


@given(st.dates(), st.integers(0, 2**63 - 1), st.text())
def test_a_cursor_says_where_to_go_on(day: date, number: int, listing: str) -> None:
    """What a cursor was made of comes back, exactly."""
    cursor = cursor_after(listing, Position(day, number))
    assert Wanted(cursor, 1).position(listing, Position) == (day, number)


def test_without_a_cursor_one_begins() -> None:
    """No cursor is the beginning."""
    assert Wanted(None, 1).position("things", Position) is None


@given(st.integers(0, 100), st.characters(codec="ascii"))
def test_an_altered_cursor_is_refused(place: int, letter: str) -> None:
    """X4: any other character anywhere, and it is no cursor of ours."""
    cursor = cursor_after("things", HERE)
    at = place % len(cursor)
    altered = cursor[:at] + letter + cursor[at + 1 :]
    if altered != cursor:
        with pytest.raises(BadCursor):
            Wanted(altered, 1).position("things", Position)


@pytest.mark.parametrize("cursor", ["", "A", "====", "AAAA", "\ud800", "é", "a b", "\0", "A" * 600])
def test_made_up_cursors_are_refused(cursor: str) -> None:
    """X4: whatever somebody makes up is refused."""
    with pytest.raises(BadCursor):
        Wanted(cursor, 1).position("things", Position)


def test_a_cursor_of_another_list_is_refused() -> None:
    """A cursor of another list, or of the same with another filter, leads nowhere."""
    cursor = cursor_after("things?color=red", HERE)
    for listing in ("things", "things?color=blue", "wishes"):
        with pytest.raises(BadCursor):
            Wanted(cursor, 1).position(listing, Position)


def test_a_cursor_of_another_shape_is_refused() -> None:
    """A cursor that an older version made of other things is refused, not misread."""
    with pytest.raises(BadCursor):
        Wanted(cursor_after("things", 42), 1).position("things", Position)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_row_has_is_refused(number: int) -> None:
    """X4: whoever makes a cursor up with a sound checksum asks no database the impossible."""
    with pytest.raises(BadCursor):
        Wanted(cursor_after("things", number), 1).position("things", int)
    with pytest.raises(BadCursor):
        Wanted(cursor_after("things", (HERE.day, number)), 1).position("things", Position)


def test_texts_and_instants_that_no_row_has_are_refused() -> None:
    """X4: the same for a NUL, which PostgreSQL cannot hold, and an instant without a zone."""
    with pytest.raises(BadCursor):
        Wanted(cursor_after("things", (1, "a\0")), 1).position("things", tuple[int, str])
    cursor = cursor_after("things", ("2026-11-21T09:30:00", 1))
    with pytest.raises(BadCursor):
        Wanted(cursor, 1).position("things", tuple[datetime, int])
