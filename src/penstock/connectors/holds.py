"""Balances of banks that state only what is available, less what is on hold."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.transaction import TransactionSeen


def balances(
    account: str,
    available: tuple[Decimal, str],
    at: datetime,
    day: date,
    held: Sequence[TransactionSeen] | None,
) -> tuple[BalanceSeen, ...]:
    """Return an account's balances at an instant, which is this `day` at the bank.

    `held` are all its pending rows, or None where that is unsure. With them the current balance is
    known too: what is available, and what is on hold besides.
    """
    amount, currency = available
    stated = [BalanceSeen(account, BalanceKind.AVAILABLE, amount, currency, at, day)]
    if held is not None and all(row.currency == currency for row in held):
        booked = amount - sum((row.amount for row in held), Decimal(0))
        stated.append(BalanceSeen(account, BalanceKind.CURRENT, booked, currency, at, day))
    return tuple(stated)
