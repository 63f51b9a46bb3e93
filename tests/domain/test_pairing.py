"""A pending row becomes a posted one only where nothing else is possible."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.pairing import PENDING_DAYS, Candidate, pair

DAY = date(2026, 11, 2)


def row(external_id: str, *, amount: str = "-10.00", days: int = 0, account: int = 1) -> Candidate:
    """Make a candidate, `days` after DAY."""
    return Candidate(0, account, external_id, amount, "EUR", DAY + timedelta(days))


def ids(found: list[tuple[Candidate, Candidate]]) -> list[tuple[str, str]]:
    """Return who was paired with whom."""
    return sorted((one.external_id, other.external_id) for one, other in found)


@pytest.mark.parametrize("days", [0, 1, PENDING_DAYS])
def test_the_only_match_both_ways_is_a_pair(days: int) -> None:
    """sync.md 10: same account, exact amount, pending first, within 14 days: certain."""
    assert ids(pair([row("p")], [row("b", days=days)])) == [("p", "b")]


@pytest.mark.parametrize(
    "posted",
    [
        row("b", days=-1),
        row("b", days=PENDING_DAYS + 1),
        row("b", amount="-10.01"),
        row("b", amount="10.00"),
        row("b", account=2),
        row("b")._replace(currency="USD"),
    ],
)
def test_what_is_not_certain_stays_apart(posted: Candidate) -> None:
    """sync.md 10: another amount, account or currency, too late or earlier: no pair."""
    assert pair([row("p")], [posted]) == []


def test_two_that_fit_one_are_no_pair() -> None:
    """sync.md 10: where either side has two to choose from, nobody guesses."""
    assert pair([row("p1"), row("p2")], [row("b")]) == []
    assert pair([row("p")], [row("b1"), row("b2")]) == []
    assert pair([row("p1"), row("p2")], [row("b1"), row("b2")]) == []


def test_a_rival_out_of_reach_is_no_rival() -> None:
    """sync.md 10: what lies beyond the 14 days, or before, does not stand in a pair's way."""
    found = pair([row("p1"), row("p2", days=20)], [row("b1", days=3), row("b2", days=22)])
    assert ids(found) == [("p1", "b1"), ("p2", "b2")]


def test_a_chain_of_matches_is_no_pair_but_at_its_certain_end() -> None:
    """sync.md 10: p1 fits b1 alone, but b1 fits p2 as well: neither is certain."""
    found = pair([row("p1"), row("p2", days=10)], [row("b1", days=12), row("b2", days=24)])
    assert found == []


def candidates(kind: str) -> st.SearchStrategy[list[Candidate]]:
    """Make few amounts on few days, so that twins are frequent."""
    one = st.tuples(st.sampled_from([1, 2]), st.sampled_from(["-1.00", "2.00"]), st.integers(0, 40))
    return st.lists(one, max_size=8).map(
        lambda made: [
            Candidate(0, account, f"{kind}{n}", amount, "EUR", DAY + timedelta(days))
            for n, (account, amount, days) in enumerate(made)
        ]
    )


def fits(pending: Candidate, posted: Candidate) -> bool:
    """Say what the rule says, in the plainest words."""
    days = (posted.dated_on - pending.dated_on).days
    same = pending[1] == posted[1] and pending[3:5] == posted[3:5]
    return same and 0 <= days <= PENDING_DAYS


@given(candidates("p"), candidates("b"))
def test_pairs_are_exactly_those_unique_both_ways(
    pendings: list[Candidate], posted: list[Candidate]
) -> None:
    """sync.md 10: a pair is each the only match of the other, no row twice, and none is missed."""
    expected = sorted(
        (one.external_id, other.external_id)
        for one in pendings
        for other in posted
        if [each for each in posted if fits(one, each)] == [other]
        and [each for each in pendings if fits(each, other)] == [one]
    )
    assert ids(pair(pendings, posted)) == expected


@given(candidates("p"), candidates("b"), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    pendings: list[Candidate], posted: list[Candidate], random: Random
) -> None:
    """sync.md 10: the same rows in any order give the same pairs."""
    found = ids(pair(pendings, posted))
    random.shuffle(pendings)
    random.shuffle(posted)
    assert ids(pair(pendings, posted)) == found


@given(candidates("p"), candidates("b"))
def test_two_posted_rows_are_never_paired(
    pendings: list[Candidate], posted: list[Candidate]
) -> None:
    """sync.md 11: a pair is one of the pendings with one of the posted, each at most once."""
    found = pair(pendings, posted)
    assert all(before in pendings and after in posted for before, after in found)
    assert len({before.external_id for before, _ in found}) == len(found)
    assert len({after.external_id for _, after in found}) == len(found)
