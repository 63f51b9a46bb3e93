"""All that is known about what a person has, read at once for some days."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

import sqlalchemy as sa

from penstock.db import holding_versions, rates, sums, worth_reads
from penstock.db.holding_versions import Version
from penstock.db.worth_reads import AccountRow, HeldRow, Stated
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.fx import Rates
from penstock.domain.holding import SecurityType
from penstock.domain.ids import public_id
from penstock.domain.says import Invested
from penstock.domain.valuation import Position, total
from penstock.engine import worth_prices
from penstock.engine.worth_calendar import Calendar
from penstock.engine.worth_prices import PriceBook


@dataclass(frozen=True, slots=True)
class Moves:
    """The days on which rows were posted, and what all of them up to each day come to."""

    days: Sequence[date]
    sums: Sequence[Decimal]

    @classmethod
    def of(cls, by_day: Mapping[date, Decimal]) -> "Moves":
        """Add up what was posted, by day."""
        days = sorted(by_day)
        return cls(days, list(accumulate((by_day[day] for day in days), _plus)))

    def between(self, after: date, until: date) -> Decimal:
        """Return what was posted past the day `after`, up to `until`."""
        low, high = bisect_right(self.days, after), bisect_right(self.days, until)
        if low >= high:
            return Decimal(0)
        before = self.sums[low - 1] if low else Decimal(0)
        return _plus(self.sums[high - 1], before.copy_negate())


def _plus(one: Decimal, other: Decimal) -> Decimal:
    return total((one, other))


@dataclass(frozen=True, slots=True)
class Balances:
    """Balances of one kind and currency, in the order of their instants."""

    stated: Sequence[Stated]
    until: Sequence[date]
    """Of each, the first day of it and all later ones: so sorted, though days may not be."""
    latest: date

    @classmethod
    def of(cls, stated: Sequence[Stated]) -> "Balances":
        """Make them ready to be looked up by day."""
        days = [one.day for one in stated]
        return cls(stated, [*accumulate(reversed(days), min)][::-1], max(days))

    def last(self, day: date) -> Stated | None:
        """Return the last one that is of a day up to this one."""
        place = bisect_right(self.until, day)
        return self.stated[place - 1] if place else None


@dataclass(slots=True)
class History:
    """What was stated of one position, in order, and from which day on each."""

    days: list[date] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)


@dataclass(slots=True)
class AccountKnown:
    """What is known of one account: what was stated of it, its moves, and what it held."""

    row: AccountRow
    invested: Invested
    stated: list[Stated] = field(default_factory=list)
    balances: Mapping[tuple[BalanceKind, str], Balances] = field(default_factory=dict)
    """The same, by kind and currency."""
    heard_at: datetime | None = None
    """When a balance of it was heard last."""
    moves: Mapping[str, Moves] = field(default_factory=dict)
    """By currency: its posted rows of the days that were asked for."""
    rows_since: date | None = None
    """The first day from which all its rows are known."""
    histories: dict[int, History] = field(default_factory=dict)
    """Of each position that it held, by its number."""
    now: list[Version] = field(default_factory=list)
    """What it holds at this moment, where today is among the days that were asked for."""
    held_since: date | None = None

    @property
    def walks(self) -> bool:
        """Whether its rows say how its balance moved: not where that is worth of positions too."""
        return AccountType(self.row.type) is not AccountType.INVESTMENT or (
            self.invested is Invested.MONEY
        )


class Held(NamedTuple):
    """What is the same of a position on all days."""

    key: str
    name: str
    symbol: str | None
    type: SecurityType


@dataclass(frozen=True, slots=True)
class Known:
    """All of it."""

    calendar: Calendar
    accounts: Sequence[AccountKnown]
    held: Mapping[int, Held]
    prices: PriceBook
    rates: Rates

    def position(self, version: Version, seen_at: datetime | None) -> Position:
        """Return a state of a position as it is valued; `seen_at` is when it was last so."""
        held = self.held[version.holding_id]
        return Position(
            key=held.key,
            type=held.type,
            quantity=version.quantity,
            currency=version.currency,
            as_of=version.as_of,
            heard=seen_at,
            price=version.price,
            value=version.value,
            cost_basis=version.cost_basis,
            symbol=held.symbol,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose worth, of which days, in which currencies.

    `invested` says by connector what its balances are. Without `standing`, only what is held
    matters. Where `last` is today, whatever was heard last counts, of whichever day the institution
    says that it is.
    """

    owner_id: int
    first: date
    last: date
    calendar: Calendar
    invested: Mapping[str, Invested]
    currencies: Sequence[str]
    standing: bool = True

    @property
    def live(self) -> bool:
        """Whether the present is asked for too."""
        return self.last >= self.calendar.today


def read(connection: sa.Connection, asked: Asked) -> Known:
    """Read what those days are worked out from."""
    owner_id = asked.owner_id
    past = asked.first < asked.calendar.today
    since = worth_reads.first_held(connection, owner_id=owner_id) if past else {}
    accounts = {
        row.id: AccountKnown(
            row, asked.invested.get(row.connector, Invested.TOTAL), held_since=since.get(row.id)
        )
        for row in worth_reads.accounts_of(connection, owner_id=owner_id)
    }
    for one in accounts.values():
        if asked.standing:
            _read_account(connection, one, asked.first, walked=past)
    if past:
        _read_versions(connection, accounts, asked)
    held = {one.id: one for one in worth_reads.held_of(connection, owner_id=owner_id)}
    if asked.live:
        for row in held.values():
            if row.ended_at is None:
                accounts[row.account_id].now.append(_as_version(row))
    last = min(asked.last, asked.calendar.today)
    book = worth_prices.read(
        connection, asked.calendar, owner_id=owner_id, first=asked.first, last=last
    )
    codes = {*asked.currencies, *book.currencies, *_currencies(accounts.values())}
    return Known(
        calendar=asked.calendar,
        accounts=list(accounts.values()),
        held={number: _held(row, book) for number, row in held.items()},
        prices=book,
        rates=rates.load(connection, codes, first=asked.first, last=last),
    )


def _held(row: HeldRow, prices: PriceBook) -> Held:
    """Return it with the connector's type, or the master's: if unknown, or a person set that."""
    told = SecurityType(row.type)
    thing = prices.things.get(row.security_id or 0)
    if thing and (told is SecurityType.OTHER or "type" in thing.security.by_person):
        told = thing.security.type
    return Held(public_id("hol", row.id), row.name, row.symbol, told)


def _read_versions(
    connection: sa.Connection, accounts: Mapping[int, AccountKnown], asked: Asked
) -> None:
    for version in holding_versions.versions(
        connection, owner_id=asked.owner_id, first=asked.first, last=asked.last
    ):
        histories = accounts[version.account_id].histories
        history = histories.setdefault(version.holding_id, History())
        history.days.append(version.day)
        history.versions.append(version)


def _as_version(row: HeldRow) -> Version:
    return Version(
        id=0,
        holding_id=row.id,
        account_id=row.account_id,
        security_id=row.security_id,
        as_of=row.as_of,
        day=row.counted_on or row.as_of.date(),
        quantity=row.quantity,
        price=row.price,
        value=row.value,
        cost_basis=row.cost_basis,
        currency=row.currency,
        ended=False,
        run_id=0,
    )


def _read_account(
    connection: sa.Connection, one: AccountKnown, first: date, *, walked: bool
) -> None:
    one.stated = list(worth_reads.balances_of(connection, one.row, first=first))
    one.heard_at = max((each.heard_at for each in one.stated), default=None)
    by_kind: dict[tuple[BalanceKind, str], list[Stated]] = defaultdict(list)
    for stated in one.stated:
        by_kind[stated.kind, stated.currency].append(stated)
    one.balances = {which: Balances.of(some) for which, some in by_kind.items()}
    if not (walked and one.walks):
        return
    earliest = min((each.day for each in one.stated), default=first)
    moves: dict[str, dict[date, Decimal]] = {}
    for currency, days in sums.posted_sums(
        connection, one.row.id, since=min(first, earliest)
    ).items():
        by_day: dict[date, Decimal] = defaultdict(Decimal)
        for each in days:
            by_day[each.day] += each.amount
        moves[currency] = by_day
    one.moves = {currency: Moves.of(by_day) for currency, by_day in moves.items()}
    begun = [
        worth_reads.first_rows(connection, one.row.id),
        worth_reads.opening_day(connection, one.row.id, one.row.currency),
    ]
    one.rows_since = min((day for day in begun if day is not None), default=None)


def _currencies(accounts: Iterable[AccountKnown]) -> set[str]:
    found: set[str] = set()
    for account in accounts:
        found |= {one.currency for one in account.stated}
        found |= {one.currency for each in account.histories.values() for one in each.versions}
        found |= {one.currency for one in account.now}
    return found
