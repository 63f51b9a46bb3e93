"""How often a provider may be asked: rates and quotas, and what is left of them (sync.md 22, 23).

A rate is spaced: calls are given instants of their own, a little further apart than the window
divided by the calls, so that no window holds more than it may although a call arrives late. A
quota is counted: every call of the window is remembered, and the window slides, unless the bank
documents when it begins anew. Whatever the bank itself says only ever lowers what we believe.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from penstock.domain.limit import DAY, Limit, Scope
from penstock.domain.rate_headers import Told

_CELLS: Final = 128
"""So many instants a quota remembers one by one; of more, neighbours are counted together."""
_SAME_WINDOW: Final = timedelta(seconds=2)


class Spent(NamedTuple):
    """Calls at an instant (the last one of them)."""

    at: datetime
    calls: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a budget. `next_at` is the first instant of a rate that is not given away.

    `told_left` of `told_limit` calls are left until `told_until`, as the bank says.
    """

    next_at: datetime | None = None
    spent: tuple[Spent, ...] = ()
    told_limit: int | None = None
    told_left: int | None = None
    told_until: datetime | None = None


UNTOUCHED: Final = Standing()


@dataclass(frozen=True, slots=True)
class Use:
    """One budget that a request spends `calls` of.

    `limit` None: only what the bank tells counts.
    """

    key: str
    connector: str
    scope: Scope
    limit: Limit | None
    connection_id: int | None = None
    account: str = ""
    endpoint: str = ""
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that wants to be made, within `patience`.

    What is `over` is given back first: calls of a quota, by the instants they were granted for.
    """

    uses: tuple[Use, ...]
    patience: timedelta
    over: tuple[tuple[Use, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer: send it in `wait`; or, where it is not `granted`, ask again in `wait`.

    `slack` is how late after that instant it may still be sent; None: it does not matter. `at` is
    the instant by the clock of all. `by` is the budget for which it has to wait, if it is not
    granted; `told`: because the bank said so.
    """

    granted: bool
    wait: timedelta
    slack: timedelta | None = None
    at: datetime | None = None
    by: Use | None = None
    told: bool = False


class Ledger(Protocol):
    """Keeps the budgets of all processes together."""

    async def spend(self, ask: Ask) -> tuple[Grant, datetime]:
        """Answer a request; the instant, by our own clock, is that from which it has to wait."""

    async def heed(self, use: Use, told: Told) -> None:
        """Store what the bank said."""


def free_at(limit: Limit | None, standing: Standing, now: datetime, calls: int = 1) -> datetime:
    """Return the first instant, `now` at the earliest, at which so many more calls may be made."""
    at = now
    if limit is not None:
        at = max(now, _by_limit(limit, standing, now, calls))
    if (
        standing.told_until is not None
        and standing.told_until > at
        and (standing.told_left or 0) < calls
    ):
        return standing.told_until
    return at


def _by_limit(limit: Limit, standing: Standing, now: datetime, calls: int) -> datetime:
    if limit.spaced:
        return standing.next_at or now
    counted = _counted(limit, standing, now)
    too_many = sum(one.calls for one in counted) - limit.calls + calls
    if too_many <= 0:
        return now
    if limit.reset is not None:
        return limit.reset.next(now - limit.slack) + limit.slack
    for one in counted:
        too_many -= one.calls
        if too_many <= 0:
            return one.at + limit.window + limit.slack
    return now


def _counted(limit: Limit, standing: Standing, now: datetime) -> list[Spent]:
    """Return the calls that count now, the oldest first.

    Around a reset they count on both sides of it: a call may arrive late, and clocks differ.
    """
    if limit.reset is not None:
        since = limit.reset.last(now - limit.slack) - limit.slack
        return [one for one in standing.spent if one.at >= since]
    since = now - limit.window - limit.slack
    return [one for one in standing.spent if one.at > since]


def left(limit: Limit | None, standing: Standing, now: datetime) -> int | None:
    """Return how many calls may be made at once; None where that is not counted."""
    known = []
    if limit is not None and not limit.spaced:
        spent = sum(one.calls for one in _counted(limit, standing, now))
        known.append(max(limit.calls - spent, 0))
    if standing.told_left is not None and standing.told_until and standing.told_until > now:
        known.append(standing.told_left)
    return min(known, default=None)


def quiet_at(limit: Limit | None, standing: Standing, now: datetime) -> datetime:
    """Return when this budget will be as if nothing had been spent of it."""
    ends = [now]
    if standing.next_at is not None:
        ends.append(standing.next_at)
    if standing.told_until is not None:
        ends.append(standing.told_until)
    if limit is not None and standing.spent:
        ends.append(_over(limit, standing.spent[-1].at))
    return max(ends)


def _over(limit: Limit, at: datetime) -> datetime:
    """Return when a call at `at` counts no longer."""
    if limit.reset is None:
        return at + limit.window + limit.slack
    return limit.reset.next(at + limit.slack) + limit.slack


def spend(limit: Limit | None, standing: Standing, at: datetime, calls: int = 1) -> Standing:
    """Return the standing after calls at `at`, which is not before `free_at`."""
    after = standing
    if standing.told_until is not None and standing.told_until > at and standing.told_left:
        after = replace(after, told_left=max(standing.told_left - calls, 0))
    if limit is None:
        return after
    if limit.spaced:
        return replace(after, next_at=at + limit.interval)
    return replace(after, spent=_with(limit, _counted(limit, standing, at), at, calls))


def _with(limit: Limit, counted: list[Spent], at: datetime, calls: int) -> tuple[Spent, ...]:
    if limit.calls > _CELLS and len(counted) > 1:  # the first stands alone: it begins the second
        begins, last = counted[-2].at, counted[-1]
        if at - begins < limit.window / _CELLS:  # a neighbour's calls count until the last of them
            return (*counted[:-1], Spent(max(at, last.at), last.calls + calls))
    return (*counted, Spent(max(at, counted[-1].at) if counted else at, calls))


def give_back(standing: Standing, at: datetime, calls: int = 1) -> Standing:
    """Return the standing without so many calls at `at`, or those next after it, if still there.

    A quota whose calls are given back bounds how many are made at the same time; its window is how
    long one counts that is never given back.
    """
    rest, back = [], calls
    for one in standing.spent:
        taken = min(back, one.calls) if one.at >= at else 0
        back -= taken
        if one.calls > taken:
            rest.append(Spent(one.at, one.calls - taken))
    return replace(standing, spent=tuple(rest))


def heed(standing: Standing, told: Told, now: datetime) -> Standing:
    """Return the standing after what the bank said just now.

    Within one window the lower of what we count and what it says holds: its answers may overtake
    one another on their way. A new window begins with its own word.
    """
    until = now + min(told.resets, DAY)
    known = standing.told_until
    calls_left = told.left
    if known is not None and known > now and until <= known + _SAME_WINDOW:
        calls_left = min(
            told.left, standing.told_left if standing.told_left is not None else told.left
        )
        until = max(until, known) if calls_left < told.left or not calls_left else until
    return replace(standing, told_limit=told.limit, told_left=calls_left, told_until=until)


@dataclass(slots=True)
class Book:
    """The budgets of some requests, looked at together. Only those in `changed` must be stored."""

    standings: dict[str, Standing]
    now: datetime
    changed: dict[str, Use] = field(default_factory=dict)

    def grant(self, ask: Ask) -> Grant:
        """Give a request its instant, or say when to ask again; then nothing is spent.

        Of all its limits one alone may give an instant to come: the fastest rate of the whole
        app. Were it reserved beside a slower one, what lies between would be lost for everybody.
        """
        for use, at in ask.over:
            self._give_back(use, at)
        pace = _pace(ask.uses)
        waits = [(self._free_at(use), use) for use in ask.uses if use is not pace]
        free, by = max(waits, key=lambda one: one[0], default=(self.now, pace))
        if free > self.now:
            return self._refusal(free, by)
        at = self._free_at(pace) if pace else self.now
        if at - self.now > ask.patience:
            return self._refusal(at, pace)
        for use in ask.uses:
            standing = self.standings[use.key]
            self.standings[use.key] = spend(use.limit, standing, at, use.calls)
            self.changed[use.key] = use
        slack = pace.limit.slack / 2 if pace and pace.limit else None
        return Grant(granted=True, wait=at - self.now, slack=slack, at=at)

    def _give_back(self, use: Use, at: datetime) -> None:
        self.standings[use.key] = give_back(self.standings[use.key], at, use.calls)
        self.changed[use.key] = use

    def _refusal(self, free: datetime, by: Use | None) -> Grant:
        told = by is not None and self.standings[by.key].told_until == free
        return Grant(granted=False, wait=free - self.now, by=by, told=told)

    def _free_at(self, use: Use) -> datetime:
        return free_at(use.limit, self.standings[use.key], self.now, use.calls)


def _pace(uses: Sequence[Use]) -> Use | None:
    paced = [
        (use.limit.interval, use)
        for use in uses
        if use.limit is not None and use.limit.spaced and use.scope is Scope.APP
    ]
    return min(paced, key=lambda one: one[0])[1] if paced else None
