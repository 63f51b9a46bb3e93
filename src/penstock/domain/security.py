"""Which tellings are about one security: worked out from all of them, in whatever order they came.

By what a person said, then ISIN, CUSIP (an American or Canadian ISIN contains it), FIGI, a ticker
with its market (MIC), one of the known coins; then, within one provider, a ticker in a currency;
last the provider's own id and the position itself. Never by a name, and by a ticker alone only as
far as one provider's word goes.

Two ISINs or two CUSIPs never come together, unless a change of the one into the other is known; an
option is never what it is an option on; and what a person set apart stays so. Different FIGIs may:
there is one for each exchange, one for a country, and one for the share class. Where a name would
join what contradicts, nothing is joined by it, and it is told as a conflict. Nothing is decided by
who came first: the same tellings always make the same securities.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Final

from penstock.domain.holding import SecurityType
from penstock.domain.renaming import Names, Renaming
from penstock.domain.telling import COINS, Kind, Telling, cusip_within, valid_ticker

Token = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A name that would make one of tellings that contradict each other."""

    kind: Kind
    value: str
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Partition:
    """The tellings by number, those of one security together; and what was left undecided."""

    groups: frozenset[frozenset[int]]
    conflicts: frozenset[Conflict]


def partition(tellings: Iterable[Telling], renamings: Iterable[Renaming] = ()) -> Partition:
    """Return which tellings are about one security."""
    names = Names(renamings)
    groups = [_Group.of(each, names) for each in tellings]
    conflicts: set[Conflict] = set()
    kinds = list(Kind)
    at = 0
    while at < len(kinds):
        joined = _Join(kinds[at], groups, conflicts).groups()
        # Whatever was joined may be known by more names now: begin with the strongest again.
        at = 0 if len(joined) < len(groups) else at + 1
        groups = joined
    home = {number: group.numbers for group in groups for number in group.numbers}
    left = [one for one in conflicts if not one.numbers <= home[min(one.numbers)]]
    return Partition(frozenset(group.numbers for group in groups), frozenset(left))


@dataclass(frozen=True, slots=True)
class _Group:
    numbers: frozenset[int]
    tokens: Mapping[Kind, frozenset[str]]
    tickers: frozenset[str]
    types: frozenset[SecurityType]
    apart: frozenset[str]
    spans: frozenset[tuple[date, date]]

    @classmethod
    def of(cls, told: Telling, names: Names) -> "_Group":
        ticker = valid_ticker(told.ticker)
        # Where the two contradict each other, the ISIN is believed: it says whose number it is.
        cusip = (cusip_within(told.isin) if told.isin else None) or told.cusip
        coin = told.type is SecurityType.CRYPTO and ticker in COINS
        alone = ticker and not told.mic and not coin and told.source and told.currency
        tokens: dict[Kind, Iterable[str | None]] = {
            Kind.PIN: [None if told.pin is None else str(told.pin)],
            Kind.ISIN: [names.isin(told.isin) if told.isin else None],
            Kind.CUSIP: [names.cusip(cusip) if cusip else None],
            Kind.FIGI: [told.figi],
            Kind.LISTING: [names.listing(told.listing, told.since) if told.listing else None],
            Kind.COIN: [ticker if coin else None],
            Kind.TICKER: [f"{told.source} {ticker} {told.currency}" if alone else None],
            Kind.PROVIDER: [f"{told.source} {told.provider}" if told.provider else None],
            Kind.POSITION: [told.position],
        }
        listed = tokens[Kind.LISTING] if told.listing else [ticker]
        return cls(
            frozenset([told.number]),
            {kind: frozenset(one for one in some if one) for kind, some in tokens.items()},
            frozenset(one.partition(":")[0] for one in listed if one),
            frozenset([told.type]),
            told.apart,
            frozenset([(told.since, told.until or date.max)]),
        )

    @property
    def anchored(self) -> bool:
        """Whether it is known by what nothing else is called."""
        return bool(self.tokens[Kind.ISIN] or self.tokens[Kind.CUSIP])

    def overlaps(self, other: "_Group") -> bool:
        """Whether both were told of at one time."""
        return any(a < d and c < b for a, b in self.spans for c, d in other.spans)


_SHARES: Final = frozenset({SecurityType.STOCK, SecurityType.ETF, SecurityType.FUND})
_CLASS: Final = dict.fromkeys(_SHARES, "share") | {SecurityType.CASH: "share"}
_BY_TICKER: Final = frozenset({Kind.LISTING, Kind.COIN, Kind.TICKER, Kind.PROVIDER, Kind.POSITION})

_MOST_ANCHORS: Final = 20
"""A name that more things share is no one's: which of them one more is of is not looked for."""


def _agree(groups: Sequence[_Group], kind: Kind) -> bool:
    """Say whether these may be one security, where a name of this kind says so."""
    types = {each for group in groups for each in group.types}
    if SecurityType.OPTION in types and len(types) > 1:
        return False
    for strong in (Kind.ISIN, Kind.CUSIP):
        if len({token for group in groups for token in group.tokens[strong]}) > 1:
            return False
    sides = {side for group in groups for side in group.apart}
    if len({side.partition("/")[0] for side in sides}) < len(sides):
        return False
    if kind in _BY_TICKER:
        classes = {_CLASS.get(each, each) for each in types} - {SecurityType.OTHER}
        if len(classes) > 1:
            return False
    if kind in (Kind.PROVIDER, Kind.POSITION):  # ids are given to another thing now and then
        named = [group.tickers for group in groups if group.tickers]
        return len(frozenset().union(*named)) <= 1 or bool(named and frozenset.intersection(*named))
    return True


@dataclass
class _Join:
    """One pass: whatever names of one kind join."""

    kind: Kind
    all: Sequence[_Group]
    conflicts: set[Conflict]
    _edges: dict[int, set[int]] = field(default_factory=dict)

    def groups(self) -> list[_Group]:
        """Return the groups with those joined that names of this kind join."""
        by_name: dict[str, list[int]] = {}
        for place, group in enumerate(self.all):
            for name in group.tokens[self.kind]:
                by_name.setdefault(name, []).append(place)
        shared = {name: some for name, some in by_name.items() if len(some) > 1}
        anchors: dict[int, set[int]] = {}
        for some in shared.values():
            anchored = [place for place in some if self.all[place].anchored]
            for place in some if len(anchored) <= _MOST_ANCHORS else ():
                if not self.all[place].anchored:
                    anchors.setdefault(place, set()).update(anchored)
        for name, some in shared.items():
            self._link(name, some, anchors)
        return self._joined(shared)

    def _link(self, name: str, some: list[int], anchors: Mapping[int, set[int]]) -> None:
        anchored = [place for place in some if self.all[place].anchored]
        if self._fit(anchored):
            self._chain(anchored)
        else:
            self._tell(name, some)
        parts: dict[frozenset[int], list[int]] = {}
        for place in some:
            if not self.all[place].anchored:
                found = self._anchors(place, anchors.get(place, set()))
                if found is None:
                    self._tell(name, some)
                parts.setdefault(frozenset(found or ()), []).append(place)
                self._chain([place, *(found or ())])
        self._link_loose(name, parts, anchored)

    def _link_loose(
        self, name: str, parts: Mapping[frozenset[int], list[int]], anchored: Sequence[int]
    ) -> None:
        """Join those without a strong name, as far as they belong to the same ones."""
        for part in parts.values():
            if self._fit(part):
                self._chain(part)
            else:
                self._tell(name, part)
        told = [part for where, part in parts.items() if where]
        loose = parts.get(frozenset(), [])
        if len(told) == 1 and loose and not anchored and self._fit([*told[0], *loose]):
            self._chain([told[0][0], loose[0]])

    def _anchors(self, place: int, among: set[int]) -> set[int] | None:
        """Return which of these a group without a strong name belongs to; None: it is not sure."""
        if self._fit([place, *among]):
            return among
        group = self.all[place]
        now = {one for one in among if group.overlaps(self.all[one])}
        return now if now and self._fit([place, *now]) else None

    def _fit(self, places: Sequence[int]) -> bool:
        return _agree([self.all[place] for place in places], self.kind)

    def _chain(self, places: Sequence[int]) -> None:
        for one, other in pairwise(places):
            self._edges.setdefault(one, set()).add(other)
            self._edges.setdefault(other, set()).add(one)

    def _tell(self, name: str, places: Iterable[int]) -> None:
        numbers = frozenset().union(*(self.all[place].numbers for place in places))
        self.conflicts.add(Conflict(self.kind, name, numbers))

    def _joined(self, shared: Mapping[str, list[int]]) -> list[_Group]:
        result, seen = [], set[int]()
        for place, group in enumerate(self.all):
            if place in seen:
                continue
            part = self._reached(place)
            seen |= part
            if len(part) > 1 and self._fit(sorted(part)):
                result.append(_union([self.all[one] for one in part]))
            elif len(part) > 1:
                result.extend(self.all[one] for one in sorted(part))
                names = {name for one in part for name in self.all[one].tokens[self.kind]}
                self._tell(min(names & shared.keys()), part)
            else:
                result.append(group)
        return result

    def _reached(self, place: int) -> set[int]:
        found, open_ = {place}, [place]
        while open_:
            new = self._edges.get(open_.pop(), set()) - found
            found |= new
            open_.extend(new)
        return found


def _union(groups: Sequence[_Group]) -> _Group:
    return _Group(
        frozenset().union(*(each.numbers for each in groups)),
        {kind: frozenset().union(*(each.tokens[kind] for each in groups)) for kind in Kind},
        frozenset().union(*(each.tickers for each in groups)),
        frozenset().union(*(each.types for each in groups)),
        frozenset().union(*(each.apart for each in groups)),
        frozenset().union(*(each.spans for each in groups)),
    )
