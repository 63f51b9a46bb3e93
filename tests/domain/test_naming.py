"""Rows without an id are known by what they say, and by how many say the same (sync.md 13)."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.naming import OURS, Names
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Covered
from tests.db.merging import DAY, row

ROWS = st.lists(
    st.builds(
        lambda amount, days, words: row(
            "", f"-{amount}.00", on=DAY + timedelta(days=days), description=words
        ),
        st.integers(1, 3),
        st.integers(0, 2),
        st.sampled_from(["Bus", "Coffee"]),
    ),
    max_size=12,
)
WHOLE = Covered("a", DAY, DAY + timedelta(days=9))


def named(rows: list[TransactionSeen]) -> list[TransactionSeen]:
    """Name the rows of one update."""
    names = Names()
    return [names.name(one) for one in rows]


@given(ROWS, st.randoms())
def test_the_order_does_not_matter(rows: list[TransactionSeen], random: Random) -> None:
    """However they are told, equal rows get the same names, and no two rows the same one."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = named(rows), named(shuffled)
    assert set(first) == set(second)
    assert len({one.external_id for one in first}) == len(rows)
    assert all(one.external_id.startswith(OURS) for one in first)


@given(ROWS, ROWS)
def test_what_is_told_again_is_known_again(
    rows: list[TransactionSeen], more: list[TransactionSeen]
) -> None:
    """Rows that come besides change no name of those that were there."""
    before = {one.external_id for one in named(rows)}
    assert before <= {one.external_id for one in named([*more, *rows])}


def test_an_id_of_the_bank_is_left_alone() -> None:
    """Only who has no id is named; and such a row speaks for no day."""
    names = Names()
    assert names.name(row("7")).external_id == "7"
    assert names.unproven([]) == []


def test_settling_does_not_change_a_name() -> None:
    """The day on which a payment was made stays, whenever it is booked."""
    held = row("", pending=True, description="Bus")
    booked = held._replace(status=Status.POSTED, booked_on=DAY + timedelta(days=2))
    assert named([held])[0].external_id == named([booked])[0].external_id


def test_what_was_not_told_in_full_is_not_proven() -> None:
    """A day counts if it lies in what was told of that very account; no day never does."""
    names = Names()
    names.name(row(""))
    assert names.unproven([WHOLE]) == []
    assert names.unproven([replace(WHOLE, account="b")]) == [("a", DAY)]
    assert names.unproven([replace(WHOLE, since=DAY + timedelta(days=1))]) == [("a", DAY)]
    names.name(row("")._replace(booked_on=None))
    assert names.unproven([WHOLE]) == [("a", None)]


def test_counting_tells_how_many_there_are() -> None:
    """Three equal rows are three."""
    assert Counter(one.external_id[-2:] for one in named([row("")] * 3)) == Counter(
        [".1", ".2", ".3"]
    )
