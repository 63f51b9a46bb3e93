"""After a sync: whether each account adds up against the bank's own balance (sync.md 30)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import accounts, balances, leases, sums, tie_outs, transactions
from penstock.db.leases import Lease
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.money import canonical
from penstock.domain.tieout import (
    Day,
    DaySum,
    Moved,
    Observation,
    TieOut,
    TieOutStatus,
    days,
    footing,
    tie_out,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one currency, and from where the next check may count."""

    currency: str
    result: TieOut
    footing: Observation | None = None


AROUND: Final = timedelta(days=14)
NEWEST: Final = 60
"""How many days' last balances, the newest, are checked against an account's first balance."""


def tie_out_connection(
    connection: sa.Connection, lease: Lease, *, now: datetime, quiet: bool = False
) -> None:
    """Check every active account of a connection and store what was found. Raises LeaseLost.

    After a `quiet` run, which changed no row, what was found today stands, unless a balance has
    been heard since.
    """
    leases.lock(connection, lease)
    if quiet and tie_outs.are_fresh(connection, lease.connection_id, since=now.date()):
        return
    check_connection(connection, lease.connection_id, now=now)


def check_connection(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Do the same for whoever holds the lease's row already."""
    for account in accounts.of_connection(connection, connection_id):
        if account.active:
            found = tie_out_account(connection, account.id, account.currency, today=now.date())
            tie_outs.save(
                connection, account.id, [_row(connection, account.id, one, now) for one in found]
            )


def tie_out_account(
    connection: sa.Connection, account_id: int, currency: str, *, today: date
) -> list[Checked]:
    """Check one account; return the results by currency. Without any balance: its own, unproven."""
    footed = tie_outs.footings(connection, account_id)
    found = []
    for name in balances.currencies(connection, account_id):
        one = None
        if name in footed:
            one = _from_footing(connection, account_id, name, Observation(*footed[name]), today)
        one = one or _from_beginning(connection, account_id, name, today)
        if one is not None:
            found.append(one)
    return found or [Checked(currency, tie_out([], [], today))]


def _from_footing(
    connection: sa.Connection, account_id: int, currency: str, base: Observation, today: date
) -> Checked | None:
    """Count from what was proven before. None where that is not enough to say that all is well."""
    openings = balances.observed(connection, account_id, currency, kinds=[BalanceKind.OPENING])
    if any(one.run_id > base.run for one in openings):
        return None  # the bank has stated anew what it all began with
    kinds = [BalanceKind.CURRENT]
    later = _observed(connection, account_id, currency, kinds=kinds, after=base.day)
    chosen = [base, *chosen_of(later[:1] + later)[1:]]
    posted = sums.posted_sums(connection, account_id, since=base.day).get(currency, [])
    result = tie_out(chosen, posted, today)
    if result.status is not TieOutStatus.OK:
        return None
    return Checked(currency, result, footing(chosen, posted))


def _from_beginning(
    connection: sa.Connection, account_id: int, currency: str, today: date
) -> Checked | None:
    """Count from the first balance. None where all were heard in runs that were undone."""
    chosen = chosen_of(_observed(connection, account_id, currency))
    if not chosen:
        return None
    if len(chosen) == 1:
        return Checked(currency, tie_out(chosen, [], today))
    posted = _sums(connection, account_id, chosen).get(currency, [])
    result = tie_out(chosen, posted, today)
    if result.status is TieOutStatus.OK:
        return Checked(currency, result, footing(chosen, posted))
    moved = _moved(connection, account_id, chosen).get(currency, [])
    return Checked(currency, tie_out(chosen, posted, today, moved))


def days_of(connection: sa.Connection, account_id: int) -> dict[str, list[Day]]:
    """Return, by currency, each day's last balance and what it has more than the rows explain."""
    found = {}
    for name in balances.currencies(connection, account_id):
        chosen = chosen_of(_observed(connection, account_id, name))
        if len(chosen) > 1:
            posted = _sums(connection, account_id, chosen).get(name, [])
            found[name] = days(chosen, posted, _moved(connection, account_id, chosen).get(name, []))
    return found


def _observed(
    connection: sa.Connection,
    account_id: int,
    currency: str,
    *,
    kinds: Sequence[BalanceKind] = (BalanceKind.OPENING, BalanceKind.CURRENT),
    after: date = date.min,
) -> list[Observation]:
    """Return what the bank stated in a currency, oldest first, of days past `after`."""
    rows = balances.observed(connection, account_id, currency, kinds=kinds, after=after)
    return [
        Observation(row.as_of_on, row.amount, row.run_id, row.kind == BalanceKind.OPENING)
        for row in rows
    ]


def _sums(
    connection: sa.Connection, account_id: int, chosen: list[Observation]
) -> dict[str, list[DaySum]]:
    return sums.posted_sums(connection, account_id, since=chosen[0].day)


def _moved(
    connection: sa.Connection, account_id: int, chosen: list[Observation]
) -> dict[str, list[Moved]]:
    anchor = chosen[0]
    return sums.moved_sums(connection, account_id, before=anchor.day, run=anchor.run)


def chosen_of(observations: list[Observation]) -> list[Observation]:
    """Return the balance to count from, and those to check, of observations in their order.

    Counted is from the opening balance that reaches back furthest, as the bank stated it last, or
    else from the first. Of a day only the last is checked: who syncs every few minutes looks as
    far back as anybody, or a difference would never grow older than its grace.
    """
    openings = [one for one in observations if one.opening]
    rest = [one for one in observations if not one.opening]
    # One that a file states of its own first day is no beginning of what was seen before it.
    if openings and rest and min(one.day for one in openings) > min(one.day for one in rest):
        openings = []
    anchors = [min(reversed(openings), key=lambda one: one.day)] if openings else rest[:1]
    last = {one.day: one for one in (rest if openings else rest[1:])}
    return [*anchors, *sorted(last.values(), key=lambda one: one.day)[-NEWEST:]]


def _row(
    connection: sa.Connection, account_id: int, checked: Checked, now: datetime
) -> dict[str, Any]:
    currency, found, footed = checked.currency, checked.result, checked.footing
    amount = _written(found.amount, currency)
    rows: list[int] = []
    if found.status in (TieOutStatus.DIFFERENCE, TieOutStatus.SETTLING) and found.first_on:
        since = found.first_on - AROUND  # what was dated earlier may have been listed late
        rows = transactions.candidates(connection, account_id, currency, amount=amount, since=since)
    return {
        "currency": currency,
        "status": str(found.status),
        "amount": amount,
        "first_on": found.first_on,
        "candidates": json.dumps([public_id("txn", row) for row in rows]),
        "checked_at": now,
        "footed_on": footed.day if footed else None,
        "footed_amount": footed.amount if footed else None,
        "footed_run": footed.run if footed else None,
    }


def _written(amount: Decimal, currency: str) -> Decimal:
    """Write a difference as the rows' amounts are, so that equal ones are equal texts too."""
    try:
        return canonical(amount, currency)
    except InvalidInput:  # of two amounts that are as long as we keep them
        return amount
