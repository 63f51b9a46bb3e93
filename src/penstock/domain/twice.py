"""Which rows of a second source are rows that a first one told (sync.md 11).

Two sources give a row different ids and different words, so that only its account, day, amount and
currency are compared, one for one: as many as both tell are the same. Words decide which is which,
where there are several. What one source told before under another id is the same row only where it
is provably told no longer, and says the same.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Final, NamedTuple

NEAR: Final = timedelta(days=5)
"""So far apart may two sources date one row: one by the day of the purchase, one of the booking."""
_SHORTEST: Final = 3
_LAST_DAY: Final = date.max.toordinal()
Fingerprint = tuple[int, date, Decimal, str]


class Sighting(NamedTuple):
    """A row as one source tells it. `key` is whatever the caller knows it by."""

    key: Hashable
    account_id: int
    day: date
    amount: Decimal
    currency: str
    words: str
    told_before: bool = False

    @property
    def fingerprint(self) -> Fingerprint:
        """Return what must be equal for two to be one."""
        return (self.account_id, self.day, self.amount, self.currency)


Pair = tuple[Sighting, Sighting]


@dataclass(slots=True)
class Matches:
    """Pairs of a new row and a stored one: those that are one, and those that a person must see."""

    certain: list[Pair] = field(default_factory=list)
    likely: list[Pair] = field(default_factory=list)


def match(
    new: Sequence[Sighting],
    stored: Sequence[Sighting],
    *,
    told: Callable[[int, date], bool] = lambda _account, _day: True,
) -> Matches:
    """Return which of the new rows are stored ones.

    A stored row that is `told_before` was told by the same source, under another id. `told` says of
    which days of an account the source tells every row: only there is what is missing gone.
    """
    found = Matches()
    by_fingerprint = _grouped(stored)
    for fingerprint, rows in _grouped(new).items():
        old = by_fingerprint.get(fingerprint, [])
        free = [one for one in old if not one.told_before]
        pairs = _one_for_one(rows, free)
        left = _without(rows, (pair[0] for pair in pairs))
        gone = [one for one in old if one.told_before and told(one.account_id, one.day)]
        found.certain += pairs + _equal(left, gone)
    left_new = _without(new, (pair[0] for pair in found.certain))
    left_old = _without(stored, (pair[1] for pair in found.certain))
    found.likely = _near(left_new, [one for one in left_old if told(one.account_id, one.day)])
    return found


def _one_for_one(new: list[Sighting], old: list[Sighting]) -> list[Pair]:
    """Pair as many as there are on both sides: by equal words, by shared ones, then in order."""
    pairs = _equal(new, old)
    left = _without(new, (pair[0] for pair in pairs))
    free = _without(old, (pair[1] for pair in pairs))
    ranked = (
        sorted(
            (
                (-_likeness(one, other), place, at)
                for place, one in enumerate(left)
                for at, other in enumerate(free)
            ),
        )
        if len(left) * len(free) <= _MOST
        else [(0, at, at) for at in range(min(len(left), len(free)))]
    )
    taken: set[int] = set()
    used: set[int] = set()
    for _, place, at in ranked:
        if place not in taken and at not in used:
            taken.add(place)
            used.add(at)
            pairs.append((left[place], free[at]))
    return pairs


_MOST: Final = 10_000


def _equal(new: Iterable[Sighting], old: Iterable[Sighting]) -> list[Pair]:
    """Pair those whose words are equal, as many as there are on both sides."""
    by_words: dict[str, deque[Sighting]] = defaultdict(deque)
    for one in old:
        by_words[_plain(one.words)].append(one)
    pairs = []
    for one in new:
        waiting = by_words.get(_plain(one.words))
        if waiting:
            pairs.append((one, waiting.popleft()))
    return pairs


def _near(new: Sequence[Sighting], old: Sequence[Sighting]) -> list[Pair]:
    """Return pairs of one amount within a few days, where either has but the other.

    Of one source, only rows of the very day are worth a question.
    """
    came = _grouped(new)
    free = _grouped(one for one in old if not one.told_before)
    before = _grouped(one for one in old if one.told_before)
    found = []
    for one in new:
        candidates = _two([*_around(free, one, NEAR.days), before.get(one.fingerprint, [])])
        if len(candidates) == 1:
            [other] = candidates
            if len(_two(_around(came, other, 0 if other.told_before else NEAR.days))) == 1:
                found.append((one, other))
    return found


def _around(
    groups: dict[Fingerprint, list[Sighting]], one: Sighting, days: int
) -> list[list[Sighting]]:
    """Return the groups of this amount that are at most so many days from a row."""
    keys = (
        one._replace(day=one.day + timedelta(days=apart)).fingerprint
        for apart in range(-days, days + 1)
        if 0 < one.day.toordinal() + apart <= _LAST_DAY
    )
    return [groups[key] for key in keys if key in groups]


def _two(groups: Iterable[list[Sighting]]) -> list[Sighting]:
    """Return the first two: more need not be told from two."""
    return list(islice(chain.from_iterable(groups), 2))


def _likeness(one: Sighting, other: Sighting) -> int:
    return len(_tokens(one.words) & _tokens(other.words))


def _tokens(words: str) -> set[str]:
    return {one for one in re.findall(r"\w+", words.casefold()) if len(one) >= _SHORTEST}


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _grouped(rows: Iterable[Sighting]) -> dict[Fingerprint, list[Sighting]]:
    groups: dict[Fingerprint, list[Sighting]] = defaultdict(list)
    for row in rows:
        groups[row.fingerprint].append(row)
    return groups


def _without(rows: Iterable[Sighting], taken: Iterable[Sighting]) -> list[Sighting]:
    keys = {one.key for one in taken}
    return [one for one in rows if one.key not in keys]
