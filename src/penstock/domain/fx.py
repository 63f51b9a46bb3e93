"""What money of one currency is in another, on a day: never guessed, and never 1 for want of one.

Everything is a step towards the euro: so much of one currency is so much of another. GBX steps to
GBP, BTC to USD, and both of those to EUR. A rate is the steps of one currency up to where it meets
those of the other, multiplied exactly, and divided once, half to even, to `SIGNIFICANT` digits:
far below what the stated figures can tell. What needs no division keeps its stated digits.

Of several rates of a currency the last one up to the day counts, and none that is older than may
be. No day ever sees a later one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact
from operator import itemgetter
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.pegs import FIXED
from penstock.domain.rate import (
    CONVERTED,
    CROSSED,
    EURO,
    INVERTED,
    LAW,
    MAX_AGE,
    MINOR,
    MINOR_UNITS,
    OFFICIAL,
    OWN,
    OWN_MAX_AGE,
    PEGGED,
    SAME,
    STATED,
    NoRate,
    RateUsed,
    checked,
    divided,
)

__all__ = ["NoRate", "Prices", "RateUsed", "Rates", "Series", "needed"]

Series = Mapping[str, Sequence[tuple[date, Decimal]]]
"""By currency: what one euro costs in it, a day each."""
Prices = Mapping[tuple[str, str], Sequence[tuple[date, Decimal, str]]]
"""By pair: what one of the first costs in the second, a day each, and the source that said so."""

_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)
_EXACT: Final = Context(prec=400, traps=[Inexact])
_DAY: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class _Step:
    """So many `units` of a currency are `worth` so many of `into`.

    `day` is None where that holds by itself, and for a rate of a day `kind` is how it is stated:
    STATED is what one costs, INVERTED what one of `into` costs.
    """

    into: str
    units: Decimal
    worth: Decimal
    kind: str
    source: str
    day: date | None = None


@dataclass(slots=True)
class _Line:
    """The rates of one pair, by day."""

    days: list[date] = field(default_factory=list)
    steps: list[_Step] = field(default_factory=list)

    def last(self, day: date) -> _Step | None:
        place = bisect_right(self.days, day)
        return self.steps[place - 1] if place else None


class Rates:
    """Exchange rates of some time, by which one currency's money is another's.

    `series` are official rates and `own` those that a person set, both what one euro costs.
    `prices` are of pairs that the official ones lack, such as coins: BTC in USD. Raises
    InvalidInput for what can be no rate, and for two of one day.
    """

    def __init__(
        self,
        series: Series,
        *,
        own: Series | None = None,
        prices: Prices | None = None,
        max_age: timedelta = MAX_AGE,
        own_max_age: timedelta = OWN_MAX_AGE,
    ) -> None:
        self._official = {code: _line(code, points, OFFICIAL) for code, points in series.items()}
        self._own = {code: _line(code, points, OWN) for code, points in (own or {}).items()}
        self._priced: dict[str, list[_Line]] = {}
        self._max_age = max_age
        self._own_max_age = own_max_age
        for pair, points in (prices or {}).items():
            self._add_price(pair, points)

    def rate(self, base: str, quote: str, day: date) -> RateUsed:
        """Return what one unit of `base` costs in `quote` by the last rates up to `day`.

        Raises NoRate, with the currency that lacks one.
        """
        if base == quote:
            return RateUsed(_ONE, day, SAME)
        up, lack = self._way(base, quote, day)
        down, lack_too = self._way(quote, base, day)
        places = {code: place for place, code in enumerate(_codes(quote, down))}
        meeting = next((code for code in _codes(base, up) if code in places), None)
        if meeting is None:
            missing = lack or lack_too
            raise missing or NoRate(base, day)
        return _made(up[: _codes(base, up).index(meeting)], down[: places[meeting]], day)

    def days(self, base: str, quote: str, first: date, last: date) -> list[date]:
        """Return the days between (both counted) that bring a new rate of a currency in it."""
        found = {
            day
            for currency in (base, quote)
            for line in self._lines(currency)
            for day in line.days[bisect_left(line.days, first) :]
            if day <= last
        }
        return sorted(found)

    def _lines(self, currency: str) -> Iterator[_Line]:
        """Yield all rates that lead from a currency to the euro."""
        if currency in MINOR_UNITS:
            yield from self._lines(MINOR_UNITS[currency])
            return
        for known in (self._official, self._own):
            if currency in known:
                yield known[currency]
        for line in self._priced.get(currency, ()):
            yield line
            yield from self._lines(line.steps[0].into)
        if currency in FIXED:
            yield from self._lines(FIXED[currency].anchor)

    def _add_price(
        self, pair: tuple[str, str], points: Sequence[tuple[date, Decimal, str]]
    ) -> None:
        """Add prices of a pair for that one of the two that nobody publishes, or not any more."""
        base, quote = pair
        known = {EURO} if EURO in pair else {*self._official}
        if (base in known) == (quote in known):
            return
        line = _Line()
        for day, price, source in sorted(points, key=_DAY):
            figure = checked(price)
            step = (
                _Step(base, figure, _ONE, INVERTED, source, day)
                if base in known
                else _Step(quote, _ONE, figure, STATED, source, day)
            )
            _append(line, step, day, f"{base}/{quote}")
        if line.days:
            self._priced.setdefault(quote if base in known else base, []).append(line)

    def _way(self, currency: str, toward: str, day: date) -> tuple[list[_Step], NoRate | None]:
        """Return the steps from a currency to the euro, as far as they lead, and what lacks."""
        steps: list[_Step] = []
        while currency != EURO:
            step = self._step(currency, toward, day)
            if step is None:
                return steps, NoRate(currency, day, last=self._last(currency, day))
            steps.append(step)
            currency = step.into
        return steps, None

    def _step(self, currency: str, toward: str, day: date) -> _Step | None:
        """Return the one step that counts: a law, then the later of official and own, then prices.

        An own rate goes before an official one of the same day, and before a peg.
        """
        if currency in MINOR_UNITS:
            return _Step(MINOR_UNITS[currency], _HUNDRED, _ONE, MINOR, LAW)
        fixed = FIXED.get(currency)
        if fixed and (not fixed.replaced or day < fixed.since):
            own = self._fresh(self._own.get(currency), day, self._own_max_age)
            official = self._fresh(self._official.get(currency), day, self._max_age)
            stated = _later(own, official)
            if stated or day < fixed.since:
                return stated
        if fixed:
            kind = CONVERTED if fixed.replaced else PEGGED
            return _Step(fixed.anchor, fixed.units, fixed.worth, kind, LAW)
        own = self._fresh(self._own.get(currency), day, self._own_max_age)
        official = self._fresh(self._official.get(currency), day, self._max_age)
        if official:
            return _later(own, official)
        return _later(own, self._price(currency, toward, day))

    def _price(self, currency: str, toward: str, day: date) -> _Step | None:
        """Return the last price of a pair, and of those of one day the one asked for, or in EUR."""
        found = [
            step
            for line in self._priced.get(currency, ())
            if (step := self._fresh(line, day, self._max_age))
        ]
        return max(
            found,
            key=lambda step: (step.day or day, step.into == toward, step.into == EURO, step.into),
            default=None,
        )

    def _fresh(self, line: _Line | None, day: date, bound: timedelta) -> _Step | None:
        step = line.last(day) if line else None
        return step if step and step.day and day - step.day <= bound else None

    def _last(self, currency: str, day: date) -> date | None:
        """Return the day of the last rate, however old."""
        lines = [self._official.get(currency), self._own.get(currency)]
        lines += self._priced.get(currency, ())
        found = [step.day for line in lines if line and (step := line.last(day)) and step.day]
        return max(found, default=None)


def _line(currency: str, points: Iterable[tuple[date, Decimal]], source: str) -> _Line:
    if currency == EURO:
        raise InvalidInput("The euro has no rate to itself.")
    line = _Line()
    for day, rate in sorted(points, key=_DAY):
        _append(line, _Step(EURO, checked(rate), _ONE, INVERTED, source, day), day, currency)
    return line


def _append(line: _Line, step: _Step, day: date, name: str) -> None:
    if line.days and line.days[-1] == day:
        raise InvalidInput(f"There are two rates for {name} of {day}.")
    line.days.append(day)
    line.steps.append(step)


def _later(one: _Step | None, other: _Step | None) -> _Step | None:
    """Return the later of two, and the first of two of one day."""
    if one is None or other is None:
        return one or other
    return other if other.day and one.day and other.day > one.day else one


def _codes(currency: str, steps: Iterable[_Step]) -> list[str]:
    return [currency, *(step.into for step in steps)]


def _made(up: Sequence[_Step], down: Sequence[_Step], day: date) -> RateUsed:
    over = under = _ONE
    for step in up:
        over, under = _EXACT.multiply(over, step.worth), _EXACT.multiply(under, step.units)
    for step in down:
        over, under = _EXACT.multiply(over, step.units), _EXACT.multiply(under, step.worth)
    steps = [*up, *down]
    return RateUsed(
        divided(over, under),
        min((step.day for step in steps if step.day), default=day),
        _how(up, down),
        tuple(sorted({step.source for step in steps})),
    )


def _how(up: Sequence[_Step], down: Sequence[_Step]) -> str:
    kinds = [step.kind for step in up]
    kinds += [{STATED: INVERTED, INVERTED: STATED}.get(step.kind, step.kind) for step in down]
    for kind in (PEGGED, CONVERTED):
        if kind in kinds:
            return kind
    of_a_day = [kind for kind in kinds if kind != MINOR]
    return CROSSED if len(of_a_day) > 1 else next(iter(of_a_day), MINOR)


def needed(currencies: Iterable[str]) -> set[str]:
    """Return the currencies whose rates must be known for these: GBP for GBX, USD for BMD."""
    found: set[str] = set()
    for code in currencies:
        found.add(code)
        anchor = MINOR_UNITS.get(code) or (FIXED[code].anchor if code in FIXED else EURO)
        found.add(anchor)
    return found - {EURO, *MINOR_UNITS}
