"""Rows without an id are known by what they say, and by how many say the same (sync.md 13)."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.naming import OURS, Names, Repeats
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
    """A day counts if it lies in what was told of that very account; no day, if any day does."""
    names = Names()
    names.name(row(""))
    assert names.unproven([WHOLE]) == []
    assert names.unproven([replace(WHOLE, account="b")]) == [("a", DAY)]
    assert names.unproven([replace(WHOLE, since=DAY + timedelta(days=1))]) == [("a", DAY)]
    names.name(row("")._replace(booked_on=None))
    assert names.unproven([WHOLE]) == []
    assert ("a", None) in names.unproven([replace(WHOLE, account="b")])


def test_counting_tells_how_many_there_are() -> None:
    """Three equal rows are three."""
    assert Counter(one.external_id[-2:] for one in named([row("")] * 3)) == Counter(
        [".1", ".2", ".3"]
    )


def heard(*pages: list[TransactionSeen]) -> Repeats:
    """Return what was found out of the pages of one reading."""
    repeats = Repeats()
    for page in pages:
        repeats.hear(page)
    return repeats


@given(st.lists(st.sampled_from(["9998", "7", "8", ""]), max_size=8), st.data())
def test_an_id_of_several_rows_counts_as_none(ids: list[str], data: st.DataObject) -> None:
    """However the rows lie on the pages: whoever shares an id loses it, and nobody else."""
    rows = [row(name, f"-{number}.00") for number, name in enumerate(ids, 1)]
    cut = data.draw(st.integers(0, len(rows)))
    repeats = heard(rows[:cut], rows[cut:])
    told = [repeats.without(one) for one in rows]
    shared = {name for name, number in Counter(ids).items() if number > 1}
    assert [one and one.external_id for one in told] == [
        "" if name in shared else name for name in ids
    ]


def test_twins_on_a_page_are_two_and_a_row_on_two_pages_is_one() -> None:
    """A list that moved while it was read repeats a row; on one page, a row is not told twice."""
    assert heard([row("7"), row("7")]).ids == {("a", "7")}
    assert heard([row("7")], [row("7")]).ids == set()


def test_pending_and_posted_under_one_id_are_one_that_settled() -> None:
    """For some hours banks list both: the posted one counts, wherever it is told."""
    held, posted = row("7", pending=True), row("7", description="A shop, booked")
    for pages in ([[held, posted]], [[posted], [held]]):
        repeats = heard(*pages)
        assert (repeats.without(held), repeats.without(posted)) == (None, posted)
    repeats = heard([held, posted, row("7", "-3.00")])
    assert repeats.ids == {("a", "7")}
    assert repeats.without(held) == held._replace(external_id="")
