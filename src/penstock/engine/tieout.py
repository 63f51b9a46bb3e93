"""After a sync: whether each account adds up against the bank's own balance (sync.md 30)."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import accounts, balances, leases, tie_outs, transactions
from penstock.db.leases import Lease
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.money import canonical
from penstock.domain.tieout import Observation, TieOut, TieOutStatus, tie_out

NEWEST: Final = 60
"""How many days' last balances, the newest, are checked against an account's first balance."""


def tie_out_connection(connection: sa.Connection, lease: Lease, *, now: datetime) -> None:
    """Check every active account of a connection and store what was found. Raises LeaseLost."""
    leases.lock(connection, lease)
    check_connection(connection, lease.connection_id, now=now)


def check_connection(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Do the same for whoever holds the lease's row already."""
    for account in accounts.of_connection(connection, connection_id):
        if account.active:
            found = tie_out_account(connection, account.id, account.currency, today=now.date())
            tie_outs.save(
                connection, account.id, [_row(connection, account.id, *one, now) for one in found]
            )


def tie_out_account(
    connection: sa.Connection, account_id: int, currency: str, *, today: date
) -> list[tuple[str, TieOut]]:
    """Check one account; return the result by currency. Rows are in the account's own currency."""
    seen = balances.observed(
        connection, account_id, kinds=[BalanceKind.OPENING, BalanceKind.CURRENT]
    )
    observations = [
        Observation(row.as_of_on, row.amount, row.run_id, row.kind == BalanceKind.OPENING)
        for row in seen
        if row.currency == currency
    ]
    chosen = chosen_of(observations)
    if len(chosen) <= 1:
        return [(currency, tie_out(chosen, [], today))]
    sums = transactions.posted_sums(connection, account_id, since=chosen[0].day)
    return [(currency, tie_out(chosen, sums, today))]


def chosen_of(observations: list[Observation]) -> list[Observation]:
    """Return the balance to count from, and those to check, of observations in their order.

    Counted is from the opening balance that reaches back furthest, as the bank stated it last, or
    else from the first. Of a day only the last is checked: who syncs every few minutes looks as
    far back as anybody, or a difference would never grow older than its grace.
    """
    openings = [one for one in observations if one.opening]
    rest = [one for one in observations if not one.opening]
    anchors = [min(reversed(openings), key=lambda one: one.day)] if openings else rest[:1]
    last = {one.day: one for one in (rest if openings else rest[1:])}
    return [*anchors, *sorted(last.values(), key=lambda one: one.day)[-NEWEST:]]


def _row(
    connection: sa.Connection, account_id: int, currency: str, found: TieOut, now: datetime
) -> dict[str, Any]:
    amount = _written(found.amount, currency)
    rows: list[int] = []
    if found.status in (TieOutStatus.DIFFERENCE, TieOutStatus.SETTLING) and found.first_on:
        rows = transactions.candidates(connection, account_id, amount=amount, since=found.first_on)
    return {
        "currency": currency,
        "status": str(found.status),
        "amount": amount,
        "first_on": found.first_on,
        "candidates": json.dumps([public_id("txn", row) for row in rows]),
        "checked_at": now,
    }


def _written(amount: Decimal, currency: str) -> Decimal:
    """Write a difference as the rows' amounts are, so that equal ones are equal texts too."""
    try:
        return canonical(amount, currency)
    except InvalidInput:  # of two amounts that are as long as we keep them
        return amount
