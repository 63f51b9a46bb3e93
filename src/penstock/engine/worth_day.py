"""What a person's accounts were worth on one day, from all that is known. Reads nothing.

A balance of an earlier day is moved to the day by the rows posted since; before the first balance
it is worked out backwards, as far as rows are known. Where a later balance proves that the rows are
all there, the outcome is as old as the day; else as the balance.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from penstock.db.holding_versions import Version
from penstock.domain import counting
from penstock.domain.account import AccountType, known_as
from penstock.domain.balance import BalanceKind
from penstock.domain.counting import Account, Kind, Likeness, Part, Standing
from penstock.domain.fx import NoRate
from penstock.domain.ids import public_id
from penstock.domain.says import Invested
from penstock.domain.valuation import Convert, Rate, Reason, total, value
from penstock.engine.worth_known import AccountKnown, Balances, Known


class Why(StrEnum):
    """Why an account does not count on a day."""

    HIDDEN = "hidden"
    DISCONNECTED = "disconnected"
    CLOSED = "closed"
    NOT_STARTED = "not_started"
    LINKED_TWICE = "linked_twice"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An account that does not count; `other` is the one that does, where it was linked twice."""

    id: str
    name: str
    why: Why
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The parts of a day's worth, which accounts are left out, and the rates of that day."""

    parts: Sequence[Part]
    left_out: Sequence[LeftOut]
    convert: Convert


def on(known: Known, day: date) -> Day:
    """Return a day's parts; today is what was heard last."""
    convert = converting(known, day)
    counted: list[tuple[AccountKnown, Account]] = []
    left: list[LeftOut] = []
    for one in known.accounts:
        why = _left_out(known, one, day)
        if why is None:
            counted.append((one, _account(known, one, day, convert)))
        else:
            left.append(LeftOut(public_id("acc", one.row.id), name_of(one), why))
    twins = counting.twins(_alike(one, account) for one, account in counted)
    parts: list[Part] = []
    for one, account in counted:
        if account.key in twins:
            other = twins[account.key]
            left.append(LeftOut(account.key, account.name, Why.LINKED_TWICE, other))
        else:
            parts += counting.parts(account)
            parts += _not_yet_held(one, account, day)
    return Day(parts, sorted(left, key=lambda each: each.id), convert)


def converting(known: Known, day: date) -> Convert:
    """Return what gives the rates of a day, each worked out once."""
    rates: dict[tuple[str, str], Rate | None] = {}

    def convert(base: str, quote: str) -> Rate | None:
        if (base, quote) not in rates:
            try:
                used = known.rates.rate(base, quote, day)
                rates[base, quote] = Rate(used.value, used.day)
            except NoRate:
                rates[base, quote] = None
        return rates[base, quote]

    return convert


def name_of(one: AccountKnown) -> str:
    """Return what a person knows an account by."""
    return known_as(one.row.name, one.row.mask, one.row.label)


def _left_out(known: Known, one: AccountKnown, day: date) -> Why | None:
    row, calendar = one.row, known.calendar
    if row.hidden:
        return Why.HIDDEN
    if row.disconnected_at and day >= calendar.day_of(row.disconnected_at):
        return Why.DISCONNECTED
    if row.start_on and day < row.start_on:
        return Why.NOT_STARTED
    if not row.active and (one.heard_at is None or day > calendar.day_of(one.heard_at)):
        return Why.CLOSED
    return None


def _account(known: Known, one: AccountKnown, day: date, convert: Convert) -> Account:
    row = one.row
    balances = list(_standing(known, one, day))
    now = known.calendar.end(day)
    lines = []
    for version in _versions(known, one, day):
        seen_at = row.last_success_at and min(row.last_success_at, now)
        position = known.position(version, seen_at)
        prices = known.prices.at(version.security_id, now, counted=version.day)
        line = value(position, prices, now=now, convert=convert)
        lines.append((position.key, known.held[version.holding_id].name, line))
    return Account(
        key=public_id("acc", row.id),
        name=name_of(one),
        type=AccountType(row.type),
        currency=row.currency,
        institution=row.connection_label or row.institution_name or row.connector,
        invested=one.invested,
        balances=balances,
        lines=lines,
        unknown="" if balances or lines else _unknown(one, day),
    )


def _unknown(one: AccountKnown, day: date) -> str:
    """Say since when an account is known, where the day lies before that."""
    days = [each.day for each in one.stated]
    days += [each for each in (one.rows_since, one.held_since) if each is not None]
    first = min(days, default=None)
    return f"It is known from {first} on." if first is not None and first > day else ""


def _versions(known: Known, one: AccountKnown, day: date) -> Iterator[Version]:
    if day >= known.calendar.today:
        yield from one.now
        return
    for history in one.histories.values():
        place = bisect_right(history.days, day)
        if place and not history.versions[place - 1].ended:
            yield history.versions[place - 1]


def _not_yet_held(one: AccountKnown, account: Account, day: date) -> Iterator[Part]:
    """Yield what stands for positions of which nothing is known yet on a day."""
    since = one.held_since
    if since is not None and day < since and one.invested is Invested.MONEY and account.balances:
        yield Part(
            key=account.key,
            name=account.name,
            account=account.key,
            institution=account.institution,
            kind=Kind.UNDIVIDED,
            valued=None,
            currency=account.currency,
            reason=Reason.NOT_KNOWN_YET,
            why=f"What it holds is known from {since} on.",
        )


def _standing(known: Known, one: AccountKnown, day: date) -> Iterator[Standing]:
    for (kind, currency), balances in one.balances.items():
        if day >= known.calendar.today:
            last = balances.stated[-1]
            yield Standing(kind, last.amount, currency, last.as_of)
        else:
            found = _on_day(known, one, balances, day)
            if found is not None:
                yield found


def _on_day(known: Known, one: AccountKnown, balances: Balances, day: date) -> Standing | None:
    """Return a balance at the end of a day that is over; None where nothing leads there."""
    first = balances.stated[0]
    walks = one.walks and first.kind is BalanceKind.CURRENT
    base = balances.last(day)
    if base is not None:
        after = balances.latest > day
        moved = _moved(one, base.currency, base.day, day) if walks else Decimal(0)
        as_of: datetime = known.calendar.end(day) if walks and after else base.as_of
        amount = total((base.amount, moved))
        return Standing(base.kind, amount, base.currency, as_of, walked=bool(moved))
    if not walks or one.rows_since is None or day < one.rows_since:
        return None
    moved = _moved(one, first.currency, day, first.day)
    amount = total((first.amount, moved.copy_negate()))
    return Standing(first.kind, amount, first.currency, known.calendar.end(day), walked=True)


def _moved(one: AccountKnown, currency: str, after: date, until: date) -> Decimal:
    """Return what was posted in a currency past the day `after`, up to `until`."""
    moves = one.moves.get(currency)
    return moves.between(after, until) if moves else Decimal(0)


def _alike(one: AccountKnown, account: Account) -> Likeness:
    row = one.row
    dated = [each.as_of for each in account.balances]
    dated += [line.position.stated for _, _, line in account.lines]
    return Likeness(
        key=account.key,
        connection=row.connection_id,
        connector=row.connector,
        institution=row.institution_id,
        external_id=row.external_id,
        identity=row.identity_hash,
        name=row.name,
        type=row.type,
        mask=row.mask,
        currency=row.currency,
        live=row.active and row.disconnected_at is None,
        as_of=max(dated, default=None),
    )
