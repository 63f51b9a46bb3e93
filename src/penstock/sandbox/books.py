"""What stands on the accounts: kept with each change, so that no row has to be read for it."""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.money import canonical
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.history import History, coins
from penstock.sandbox.plan import AccountPlan


class Books:
    """The sums of the posted and of the pending rows, account by account, exact to the coin."""

    def __init__(self, history: History) -> None:
        names = [account.external_id for account in history.accounts]
        posted, pending = history.totals()
        self._posted = dict(zip(names, posted, strict=True))
        self._pending = dict(zip(names, pending, strict=True))
        self._first_day = history.plan.first_day
        self._zone = ZoneInfo(history.plan.zone)

    def put_in(self, row: TransactionSeen) -> None:
        """Count a row that is there from now on."""
        self._totals(row)[row.account] += row.amount

    def take_out(self, row: TransactionSeen) -> None:
        """Count a row no longer."""
        self._totals(row)[row.account] -= row.amount

    def balances(self, account: AccountPlan, now: datetime) -> Iterator[BalanceSeen]:
        """Yield an account's balances: current is opening plus posted rows, to the coin.

        The opening balance is as of the first moment of the first day; the others are as of now.
        """
        opening = coins(account.opening, account.currency)
        current = opening + self._posted[account.external_id]
        available = current + self._pending[account.external_id]
        today = now.astimezone(self._zone).date()
        if account.limit is not None:
            limit = coins(account.limit, account.currency)
            available += limit
            yield _stated(account, BalanceKind.LIMIT, limit, now, today)
        yield _stated(account, BalanceKind.CURRENT, current, now, today)
        yield _stated(account, BalanceKind.AVAILABLE, available, now, today)
        dawn = datetime.combine(self._first_day, time(), self._zone)
        yield _stated(account, BalanceKind.OPENING, opening, dawn, self._first_day)

    def _totals(self, row: TransactionSeen) -> dict[str, Decimal]:
        return self._posted if row.status is Status.POSTED else self._pending


def _stated(
    account: AccountPlan, kind: BalanceKind, amount: Decimal, as_of: datetime, as_of_on: date
) -> BalanceSeen:
    exact = canonical(amount, account.currency)
    return BalanceSeen(account.external_id, kind, exact, account.currency, as_of, as_of_on)
