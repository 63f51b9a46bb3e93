"""Which closes of past days are believed: those that go with the prices that are known. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from penstock.domain.quote import Quote, Suspicious
from penstock.quotes.believing import is_weak, with_flag
from penstock.quotes.manners import Sane
from penstock.quotes.quest import UNCONFIRMED
from penstock.quotes.sanity import Split, doubt_about

_SAME: Final = timedelta(days=7)
"""Two who tell of one split may mean its announcement, its first day, or the day after."""
_ROUNDED: Final = Decimal("1e-9")
"""One for three has no end of digits: who tells of it cuts them off somewhere."""


def judged(
    closes: Sequence[Quote], known: Sequence[Quote], sane: Sane, splits: Sequence[Split]
) -> tuple[list[Quote], list[Suspicious]]:
    """Return those closes that are believed, in order, and why others are not.

    From the newest on, each is held against its neighbours: the price behind it, a known one or a
    close that was believed just now, and the last known one before it. So none of a series in
    pence gets in beside prices in pounds, and one odd day does not take the days before it along.
    A close that only an unconfirmed price of the same source speaks for is unconfirmed as well.
    """
    known = sorted(known, key=lambda one: one.as_of)
    instants = [one.as_of for one in known]
    believed: list[Quote] = []
    doubts: list[Suspicious] = []
    for close in reversed(closes):
        place = bisect_left(instants, close.as_of)
        behind = [*known[place : place + 1], *believed[-1:]]
        beside = [min(behind, key=lambda one: one.as_of)] if behind else []
        beside += known[place - 1 : place] if place else []
        doubt = next(filter(None, (doubt_about(close, one, sane, splits) for one in beside)), None)
        if doubt is not None:
            doubts.append(doubt)
            continue
        weak = all(is_weak(one) and one.source == close.source for one in beside)
        believed.append(with_flag(close, UNCONFIRMED) if weak else close)
    return believed[::-1], doubts


def together(told: Sequence[Split], known: Sequence[Split]) -> list[Split]:
    """Return the splits that a source tells and those that we know, each once."""
    return [*told, *(one for one in known if not any(_same(one, other) for other in told))]


def _same(one: Split, other: Split) -> bool:
    near = abs(one[1] - other[1]) <= _ROUNDED * one[1]
    return near and abs(one[0] - other[0]) <= _SAME
