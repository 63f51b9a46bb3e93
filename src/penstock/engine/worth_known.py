"""All that is known about what a person has, read at once for some days."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from penstock.db import holding_versions, own_prices, prices, rates, securities, sums, worth_reads
from penstock.db.holding_versions import Version
from penstock.db.own_prices import OwnPrice
from penstock.db.securities import Security
from penstock.db.worth_reads import AccountRow, HeldRow, Stated
from penstock.domain.account import AccountType
from penstock.domain.fx import Rates
from penstock.domain.holding import SecurityType
from penstock.domain.quote import Quote
from penstock.domain.says import Invested
from penstock.domain.valuation import FRESH_FOR, Position, Price, in_whole_units

_EARLIER: Final = FRESH_FOR + timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whose days they are: which it is now, and when one ends."""

    zone: ZoneInfo
    now: datetime

    @property
    def today(self) -> date:
        """The day that it is."""
        return self.now.astimezone(self.zone).date()

    def end(self, day: date) -> datetime:
        """Return the last instant of a day; of today, the present one."""
        if day >= self.today:
            return self.now
        midnight = datetime.combine(day + timedelta(days=1), time(0), self.zone)
        return midnight.astimezone(UTC) - timedelta(microseconds=1)

    def day_of(self, moment: datetime) -> date:
        """Return the day in which an instant lies."""
        return moment.astimezone(self.zone).date()


@dataclass(slots=True)
class AccountKnown:
    """What is known of one account: what was stated of it, its moves, and what it held."""

    row: AccountRow
    invested: Invested
    stated: list[Stated] = field(default_factory=list)
    moves: Mapping[str, Sequence[tuple[date, Decimal]]] = field(default_factory=dict)
    """By currency: its posted rows of the days that were asked for, added up by day."""
    rows_since: date | None = None
    """The first day from which all its rows are known."""
    versions: dict[int, list[Version]] = field(default_factory=dict)
    now: list[Version] = field(default_factory=list)
    """What it holds at this moment, where today is among the days that were asked for."""
    held_since: date | None = None

    @property
    def walks(self) -> bool:
        """Whether its rows say how its balance moved: not where that is worth of positions too."""
        return AccountType(self.row.type) is not AccountType.INVESTMENT or (
            self.invested is Invested.MONEY
        )


@dataclass(frozen=True, slots=True)
class Known:
    """All of it."""

    calendar: Calendar
    accounts: Sequence[AccountKnown]
    held: Mapping[int, HeldRow]
    securities: Mapping[int, Security]
    quotes: Mapping[str, Sequence[Quote]]
    own: Mapping[int, Sequence[OwnPrice]]
    rates: Rates

    def prices(self, security_id: int | None, moment: datetime) -> tuple[Price, ...]:
        """Return our last price, and the person's, of a security as of an instant."""
        if security_id is None:
            return ()
        security = self.securities.get(security_id)
        found = []
        quotes = self.quotes.get(security.instrument or "", ()) if security else ()
        place = bisect_right(quotes, moment, key=lambda one: one.as_of)
        if place:
            found.append(Price.of(quotes[place - 1]))
        day = self.calendar.day_of(moment)
        own = self.own.get(security.id if security else security_id, ())
        place = bisect_right(own, day, key=lambda one: one.day)
        if place:
            found.append(self._own(own[place - 1]))
        return tuple(found)

    def position(self, version: Version, seen_at: datetime | None) -> Position:
        """Return a state of a position as it is valued; `seen_at` is when it was last so."""
        held = self.held[version.holding_id]
        return Position(
            key=str(version.holding_id),
            type=self._type(held),
            quantity=version.quantity,
            currency=version.currency,
            as_of=version.as_of,
            heard=seen_at,
            price=version.price,
            value=version.value,
            cost_basis=version.cost_basis,
            symbol=held.symbol,
        )

    def _type(self, held: HeldRow) -> SecurityType:
        """Return the connector's type, or the master's where that is unknown or a person set it."""
        told = SecurityType(held.type)
        security = self.securities.get(held.security_id or 0)
        if security and (told is SecurityType.OTHER or "type" in security.by_person):
            return security.type
        return told

    def _own(self, one: OwnPrice) -> Price:
        currency, scale = in_whole_units(one.currency)
        as_of = self.calendar.end(one.day)
        return Price(one.price, currency, as_of, "manual", scale, one.basis, own=True)


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
    since = worth_reads.first_held(connection, owner_id=owner_id)
    accounts = {
        row.id: AccountKnown(
            row, asked.invested.get(row.connector, Invested.TOTAL), held_since=since.get(row.id)
        )
        for row in worth_reads.accounts_of(connection, owner_id=owner_id)
    }
    for one in accounts.values():
        if asked.standing:
            past = asked.first < asked.calendar.today
            _read_account(connection, one, asked.first, walked=past)
    for version in holding_versions.versions(
        connection, owner_id=owner_id, first=asked.first, last=asked.last
    ):
        known = accounts[version.account_id].versions
        known.setdefault(version.holding_id, []).append(version)
    held = {one.id: one for one in worth_reads.held_of(connection, owner_id=owner_id)}
    if asked.live:
        for row in held.values():
            if row.ended_at is None:
                accounts[row.account_id].now.append(_as_version(row))
    known_securities = _securities(connection, owner_id)
    own = _own(connection, owner_id, known_securities)
    quotes = _quotes(connection, instruments(known_securities, held.values()), asked)
    codes = {*asked.currencies, *_currencies(accounts.values(), quotes, own)}
    last = min(asked.last, asked.calendar.today)
    return Known(
        calendar=asked.calendar,
        accounts=list(accounts.values()),
        held=held,
        securities=known_securities,
        quotes=quotes,
        own=own,
        rates=rates.load(connection, codes, first=asked.first, last=last),
    )


def _as_version(row: HeldRow) -> Version:
    return Version(
        id=0,
        holding_id=row.id,
        account_id=row.account_id,
        security_id=row.security_id,
        as_of=row.as_of,
        day=row.as_of.date(),
        quantity=row.quantity,
        price=row.price,
        value=row.value,
        cost_basis=row.cost_basis,
        currency=row.currency,
        ended=False,
        run_id=0,
    )


def instruments(known: Mapping[int, Security], held: Iterable[HeldRow]) -> list[str]:
    """Return what our quotes call the securities that are held, or were."""
    numbers = {one.security_id for one in held if one.security_id}
    found = {one.instrument for number, one in known.items() if number in numbers}
    return sorted(one for one in found if one)


def _read_account(
    connection: sa.Connection, one: AccountKnown, first: date, *, walked: bool
) -> None:
    one.stated = list(worth_reads.balances_of(connection, one.row, first=first))
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
    one.moves = {currency: sorted(by_day.items()) for currency, by_day in moves.items()}
    begun = [
        worth_reads.first_rows(connection, one.row.id),
        worth_reads.opening_day(connection, one.row.id, one.row.currency),
    ]
    one.rows_since = min((day for day in begun if day is not None), default=None)


def _securities(connection: sa.Connection, owner_id: int) -> dict[int, Security]:
    """Return the owner's securities by number, also by those of what was merged into them."""
    found = {one.id: one for one in securities.of_owner(connection, owner_id=owner_id)}
    for number, into in own_prices.merged(connection, owner_id=owner_id).items():
        if into in found:
            found[number] = found[into]
    return found


def _own(
    connection: sa.Connection, owner_id: int, known: Mapping[int, Security]
) -> dict[int, list[OwnPrice]]:
    """Return the person's prices by security and day; of a merged one's, its own go first."""
    by_day: dict[int, dict[date, OwnPrice]] = defaultdict(dict)
    for one in own_prices.of_owner(connection, owner_id=owner_id):
        number = known[one.security_id].id if one.security_id in known else one.security_id
        if one.day not in by_day[number] or number == one.security_id:
            by_day[number][one.day] = one
    return {number: [days[day] for day in sorted(days)] for number, days in by_day.items()}


def _quotes(
    connection: sa.Connection, names: Sequence[str], asked: Asked
) -> dict[str, list[Quote]]:
    found: dict[str, dict[datetime, Quote]] = defaultdict(dict)
    if asked.live:
        for name, quote in prices.last(connection, names).items():
            found[name][quote.as_of] = quote
    if names and asked.first < asked.calendar.today:
        since, until = asked.first - _EARLIER, asked.last + timedelta(days=1)
        for quote in prices.between(connection, names, since, until):
            found[quote.instrument][quote.as_of] = quote
    return {name: [by[moment] for moment in sorted(by)] for name, by in found.items()}


def _currencies(
    accounts: Iterable[AccountKnown],
    quotes: Mapping[str, Sequence[Quote]],
    own: Mapping[int, Sequence[OwnPrice]],
) -> set[str]:
    found = {one.currency for each in quotes.values() for one in each}
    found |= {one.currency for each in own.values() for one in each}
    for account in accounts:
        found |= {one.currency for one in account.stated}
        found |= {one.currency for each in account.versions.values() for one in each}
        found |= {one.currency for one in account.now}
    return found
