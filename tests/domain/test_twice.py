"""Which rows of a second source are rows that a first one told (sync.md 11)."""

from datetime import date, timedelta
from decimal import Decimal
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.twice import Sighting, match

DAY = date(2026, 11, 2)


def sight(
    key: str, words: str = "shop", *, on: int = 0, amount: str = "-1.00", before: bool = False
) -> Sighting:
    """Make a sighting of one account."""
    return Sighting(key, 1, DAY + timedelta(days=on), Decimal(amount), "EUR", words, before)


def keys(pairs: list[tuple[Sighting, Sighting]]) -> set[tuple[object, object]]:
    """Return which were paired."""
    return {(new.key, old.key) for new, old in pairs}


def test_words_say_which_is_which() -> None:
    """Equal words first, then shared ones, then the order."""
    new = [sight("a", "bus"), sight("b", "coffee house"), sight("c", "x")]
    old = [sight("1", "y"), sight("2", "COFFEE berlin"), sight("3", "Bus")]
    assert keys(match(new, old).certain) == {("a", "3"), ("b", "2"), ("c", "1")}


def test_as_many_as_both_tell_are_the_same() -> None:
    """Two of one source and one of the other are two rows: one is linked, one is new."""
    found = match([sight("a"), sight("b")], [sight("1")])
    assert len(found.certain) == 1
    assert found.likely == []


def test_what_one_source_told_before_is_the_same_only_where_it_is_gone_and_says_the_same() -> None:
    """Under another id: not on a day that is not told in full, nor with other words."""
    old = [sight("1", "bus", before=True)]
    assert keys(match([sight("a", "bus")], old).certain) == {("a", "1")}
    assert not match([sight("a", "bus")], old, told=lambda *_: False).certain
    other = match([sight("a", "tram")], old)
    assert (other.certain, keys(other.likely)) == ([], {("a", "1")})


def test_a_few_days_apart_is_a_question() -> None:
    """Where either has but the other; further apart, or with a rival, it is none."""
    assert keys(match([sight("a", on=3)], [sight("1")]).likely) == {("a", "1")}
    assert not match([sight("a", on=6)], [sight("1")]).likely
    assert not match([sight("a", on=3), sight("b", on=2)], [sight("1")]).likely
    assert not match([sight("a", on=3)], [sight("1")], told=lambda *_: False).likely
    assert not match([sight("a", on=3)], [sight("1", before=True)]).likely


sightings = st.lists(
    st.builds(
        lambda words, on, amount, before: (words, on, amount, before),
        st.sampled_from(["bus", "coffee house", "coffee", ""]),
        st.integers(0, 3),
        st.sampled_from(["-1.00", "-2.00"]),
        st.booleans(),
    ),
    max_size=8,
)


@given(new=sightings, old=sightings)
def test_no_row_is_used_twice_and_none_of_another_fingerprint(
    new: list[tuple[str, int, str, bool]], old: list[tuple[str, int, str, bool]]
) -> None:
    """Certain pairs are one for one, of equal fingerprints, and as many as there can be."""
    told = [sight(f"n{at}", row[0], on=row[1], amount=row[2]) for at, row in enumerate(new)]
    stored = [
        sight(f"o{at}", row[0], on=row[1], amount=row[2], before=row[3])
        for at, row in enumerate(old)
    ]
    found = match(told, stored)
    used = [one.key for pair in found.certain for one in pair]
    assert len(used) == len(set(used))
    assert all(one.fingerprint == other.fingerprint for one, other in found.certain)
    for fingerprint in {one.fingerprint for one in told}:
        here = sum(one.fingerprint == fingerprint for one in told)
        free = sum(one.fingerprint == fingerprint and not one.told_before for one in stored)
        paired = sum(one.fingerprint == fingerprint for one, _ in found.certain)
        assert paired >= min(here, free)
    asked = [one.key for pair in found.likely for one in pair]
    assert not set(asked) & set(used)


def test_many_equal_rows_take_no_longer_than_their_number() -> None:
    """Ten thousand a day, a day apart, are looked through once: it happens in a transaction."""
    began = process_time()
    new = [sight(f"n{turn}") for turn in range(10_000)]
    found = match(new, [sight(f"o{turn}", on=1) for turn in range(10_000)])
    assert (found.certain, found.likely) == ([], [])
    assert process_time() - began < 5


def test_the_first_and_the_last_day_have_no_neighbours() -> None:
    """Whatever a file calls a day is only a day."""
    for day in (date.min, date.max):
        new, old = sight("a")._replace(day=day), sight("1")._replace(day=day, words="x")
        assert len(match([new], [old]).certain) == 1
        assert match([new], [old._replace(told_before=True)]).likely == [
            (new, old._replace(told_before=True))
        ]
