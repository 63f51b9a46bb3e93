"""Which tellings are about one security."""

from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.holding import SecurityType
from penstock.domain.instrument import HOME, is_isin
from penstock.domain.renaming import Renaming
from penstock.domain.security import partition
from penstock.domain.telling import (
    Kind,
    Telling,
    cusip_within,
    valid_instrument,
    valid_mic,
    valid_ticker,
)
from tests.domain.tellings import (
    APPLE,
    APPLE_CLASS_FIGI,
    APPLE_CUSIP,
    APPLE_FIGI,
    DAY,
    SAP,
    SHELL,
    telling,
)

LATER = date(2026, 12, 1)


def parts(*tellings: Telling, renamings: tuple[Renaming, ...] = ()) -> list[list[int]]:
    """Return the numbers of those that are one, sorted."""
    return sorted(sorted(group) for group in partition(tellings, renamings).groups)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"isin": APPLE}, {"isin": APPLE}),
        ({"isin": APPLE, "ticker": "AAPL"}, {"cusip": APPLE_CUSIP}),
        ({"isin": SAP, "ticker": "SAP", "mic": "XETR"}, {"ticker": "SAP", "mic": "XETR"}),
        ({"figi": APPLE_FIGI, "isin": APPLE}, {"figi": APPLE_FIGI}),
        ({"ticker": "BTC", "type": SecurityType.CRYPTO}, {"ticker": "BTC", "type": "crypto"}),
    ],
)
def test_the_same_of_two_connectors_is_one(one: dict[str, str], other: dict[str, str]) -> None:
    """By ISIN, the CUSIP within one, FIGI, ticker with MIC, or a coin that has no namesake."""
    kind = SecurityType(other.pop("type", "stock"))
    assert parts(telling(1, "one", **one), telling(2, "two", type=kind, **other)) == [[1, 2]]


def test_an_american_ticker_is_one_thing_on_all_its_exchanges() -> None:
    """One broker names where it is listed, another where it traded; a later name is of all too."""
    at = [telling(n, str(n), ticker="FB", mic=mic) for n, mic in enumerate(HOME)]
    assert parts(*at) == [[0, 1, 2, 3]]
    renamed = Renaming(DAY, "FB:XNAS", "META:XNAS")
    rows = [
        telling(1, ticker="FB", mic="ARCX", since=date(2020, 1, 1)),
        telling(2, "two", ticker="META", mic="XNYS", since=LATER),
        telling(3, "three", ticker="FB", mic="XNYS", since=LATER),
    ]
    assert parts(*rows, renamings=(renamed,)) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ticker": "AAPL"}, {"ticker": "AAPL"}),
        ({"name": "Apple Inc."}, {"name": "Apple Inc."}),
        ({"ticker": "SAP", "mic": "XETR"}, {"ticker": "SAP", "mic": "XNYS"}),
        (
            {"isin": APPLE, "ticker": "X", "mic": "XETR"},
            {"isin": SAP, "ticker": "X", "mic": "XETR"},
        ),
        ({"isin": SHELL, "cusip": APPLE_CUSIP}, {"isin": APPLE}),
        ({"ticker": "ZZZ", "type": SecurityType.CRYPTO}, {"ticker": "ZZZ", "type": "crypto"}),
    ],
)
def test_what_may_be_another_stays_apart(one: dict[str, str], other: dict[str, str]) -> None:
    """Never by a name, never by a ticker alone, and never where an ISIN or a CUSIP contradicts."""
    kind = SecurityType(other.pop("type", "stock"))
    assert parts(telling(1, "one", **one), telling(2, "two", type=kind, **other)) == [[1], [2]]


def test_a_ticker_alone_counts_within_one_connector_and_currency() -> None:
    """Two accounts of one provider mean the same by a ticker, unless they are in two currencies."""
    rows = [
        telling(1, ticker="RY"),
        telling(2, ticker="RY"),
        telling(3, ticker="RY", currency="CAD"),
    ]
    assert parts(*rows) == [[1, 2], [3]]


def test_a_conflict_is_told_and_nobody_takes_the_undecided_one() -> None:
    """One ticker and MIC with two ISINs are two securities; a third without any is neither."""
    rows = [
        telling(1, isin=APPLE, ticker="X", mic="XNAS"),
        telling(2, "two", isin=SAP, ticker="X", mic="XNAS"),
        telling(3, "three", ticker="X", mic="XNAS"),
    ]
    found = partition(rows)
    assert sorted(map(sorted, found.groups)) == [[1], [2], [3]]
    assert [(one.kind, one.value, sorted(one.numbers)) for one in found.conflicts] == [
        (Kind.LISTING, "X:US", [1, 2, 3])
    ]


def test_a_ticker_that_was_taken_over_goes_with_its_time() -> None:
    """Of two that had one ticker, the one of the time in which it was told is meant."""
    old = telling(1, isin=APPLE, ticker="X", mic="XNAS", since=date(2020, 1, 1), until=DAY)
    new = telling(2, "two", isin=SAP, ticker="X", mic="XNAS", since=LATER)
    then = telling(3, "three", ticker="X", mic="XNAS", since=date(2021, 1, 1), until=DAY)
    now = telling(4, "four", ticker="X", mic="XNAS", since=LATER)
    assert parts(old, new, then, now) == [[1, 3], [2, 4]]


def test_a_new_name_is_the_same_security_and_the_old_one_is_free() -> None:
    """After FB became META, another FB is another thing, with or without an ISIN."""
    renamed = Renaming(DAY, "FB:XNAS", "META:XNAS")
    rows = [
        telling(1, ticker="FB", mic="XNAS", since=date(2020, 1, 1)),
        telling(2, "two", ticker="META", mic="XNAS", since=LATER),
        telling(3, "three", ticker="FB", mic="XNAS", since=LATER),
    ]
    assert parts(*rows) == [[1, 3], [2]]
    assert parts(*rows, renamings=(renamed,)) == [[1, 2], [3]]


@pytest.mark.parametrize("one", ["\u017fAP", "SAP\u0130", "\uff33AP"])
def test_letters_that_only_look_like_ours_make_no_name(one: str) -> None:
    """Some become ours as capitals: who tells them would be taken for another."""
    assert valid_ticker(one) is None
    assert valid_mic("xna\u017f") is None
    assert valid_instrument(f"{one}:XETR") is None


def test_a_name_that_very_many_share_costs_no_more_than_others() -> None:
    """Of a thousand ISINs under one ticker, and as many that tell the ticker alone, none is one."""
    base = [f"XX{number:09d}" for number in range(1000)]
    isins = [next(f"{one}{d}" for d in range(10) if is_isin(f"{one}{d}")) for one in base]
    listed = {"ticker": "A", "mic": "XNAS"}
    told = [telling(at, isin=isin, **listed) for at, isin in enumerate(isins, 1)]
    told += [telling(1000 + at, **listed) for at in range(1, 1001)]
    groups = partition(told).groups
    assert len([group for group in groups if min(group) <= 1000]) == 1000
    assert all(len(group) == 1 for group in groups if min(group) <= 1000)


def test_a_new_isin_is_the_same_security() -> None:
    """A known change of an ISIN is no contradiction, nor is that of the CUSIPs within."""
    rows = [telling(1, isin=APPLE), telling(2, isin="US5949181045"), telling(3, cusip=APPLE_CUSIP)]
    renamed = Renaming(DAY, old_isin=APPLE, new_isin="US5949181045")
    assert parts(*rows) == [[1, 3], [2]]
    assert parts(*rows, renamings=(renamed,)) == [[1, 2, 3]]


def test_a_provider_that_gives_an_id_to_another_thing_joins_nothing() -> None:
    """An id of a position or of a provider is the weakest word: another ticker outweighs it."""
    rows = [telling(1, ticker="A", mic="XNAS", position="p", provider="9", until=DAY)]
    rows += [telling(2, ticker="B", mic="XNAS", position="p", provider="9")]
    assert parts(*rows) == [[1], [2]]
    assert parts(rows[0], replace(rows[1], ticker=None, mic=None)) == [[1, 2]]
    assert parts(rows[0], replace(rows[1], isin=APPLE)) == [[1], [2]]


def test_an_option_is_never_what_it_is_an_option_on() -> None:
    """A broker may name the underlying share with an option: they are two things all the same."""
    rows = [telling(1, isin=APPLE, ticker="AAPL", mic="XNAS")]
    rows += [replace(rows[0], number=2, type=SecurityType.OPTION, position="q")]
    assert parts(*rows) == [[1], [2]]


def test_different_figis_may_be_one_security() -> None:
    """A FIGI may be an exchange's, a country's, or of the share class: it contradicts nothing."""
    rows = [telling(1, isin=APPLE, figi=APPLE_FIGI), telling(2, "two", figi=APPLE_CLASS_FIGI)]
    assert parts(*rows) == [[1], [2]]
    linking = telling(3, "three", isin=APPLE, figi=APPLE_CLASS_FIGI)
    assert parts(*rows, linking) == [[1, 2, 3]]


def test_a_person_joins_and_parts_what_evidence_does_not() -> None:
    """A pin makes one of two; what was set apart never comes together again by an ISIN."""
    alone = telling(1, ticker="A", pin=5), telling(2, "two", ticker="B", pin=5)
    assert parts(*alone) == [[1, 2]]
    apart = telling(1, isin=APPLE, apart=frozenset({"7/0"}))
    assert parts(apart, telling(2, isin=APPLE, apart=frozenset({"7/1"}))) == [[1], [2]]


NAMES = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["one", "two", "three"]),
        "isin": st.sampled_from([None, None, APPLE, SAP, SHELL]),
        "cusip": st.sampled_from([None, None, APPLE_CUSIP, "594918104"]),
        "figi": st.sampled_from([None, APPLE_FIGI, APPLE_CLASS_FIGI]),
        "ticker": st.sampled_from([None, "A", "B"]),
        "mic": st.sampled_from([None, "XNAS", "XETR"]),
        "provider": st.sampled_from([None, "1", "2"]),
        "position": st.sampled_from(["p", "q", "r", "s"]),
        "type": st.sampled_from([*SecurityType]),
        "since": st.dates(date(2020, 1, 1), date(2020, 3, 1)),
        "until": st.sampled_from([None, date(2020, 2, 1), date(2020, 4, 1)]),
        "pin": st.sampled_from([None, None, None, 1]),
        "apart": st.sampled_from(
            [frozenset(), frozenset(), frozenset({"1/0"}), frozenset({"1/1"})]
        ),
    }
)
RENAMINGS = st.lists(
    st.sampled_from(
        [
            Renaming(date(2020, 2, 1), "A:XNAS", "B:XNAS"),
            Renaming(date(2020, 2, 15), "B:XNAS", "B:XETR"),
            Renaming(date(2020, 2, 20), old_isin=SAP, new_isin=SHELL),
        ]
    ),
    max_size=2,
)


@given(st.lists(NAMES, max_size=9), RENAMINGS, st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_of_arrival(
    rows: list[dict[str, Any]], renamings: list[Renaming], random: Random
) -> None:
    """The same tellings make the same securities, whoever came first, and whatever their numbers.

    Each is in one security; within one, strong names do not contradict, and what was set apart or
    is an option stands alone.
    """
    tellings = [telling(number, **row) for number, row in enumerate(rows)]
    found = partition(tellings, renamings)
    order = list(range(len(tellings)))
    random.shuffle(order)
    shuffled = [replace(tellings[one], number=place) for place, one in enumerate(order)]
    again = partition(shuffled, renamings[::-1])
    assert {frozenset(order[one] for one in group) for group in again.groups} == found.groups
    assert sorted(number for group in found.groups for number in group) == list(range(len(rows)))
    changed = {frozenset({one.old_isin, one.new_isin}) for one in renamings if one.old_isin}
    for group in found.groups:
        within = [tellings[number] for number in group]
        isins = {one.isin for one in within if one.isin}
        assert len(isins) <= 1 or isins in changed
        cusips = {(one.isin and cusip_within(one.isin)) or one.cusip for one in within}
        assert len(cusips - {None}) <= 1
        assert len({side for one in within for side in one.apart}) <= 1
        types = {one.type for one in within}
        assert SecurityType.OPTION not in types or len(types) == 1
    strong = {one.isin for one in tellings if one.isin}
    for isin in strong if not any(one.apart for one in tellings) else ():
        plain = [o.number for o in tellings if o.isin == isin and o.type is SecurityType.STOCK]
        cusips = {tellings[number].cusip for number in plain} - {None}
        pins = {one.pin for one in tellings} - {None}
        if not cusips and not pins:
            homes = {group for group in found.groups if group & {*plain}}
            assert len(homes) <= 1
