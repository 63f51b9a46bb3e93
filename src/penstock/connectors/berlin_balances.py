"""Which of the many balances that a European bank states is which of ours.

ISO 20022 calls them `ITBD`, NextGenPSD2 `interimBooked`. Ours, *current*, counts booked rows only:
that of now where it is stated, else that of the last day that was closed. *Available* is what the
bank calls so, with the credit line in it if it says so; without one, what it expects when all that
is pending is booked. Opening balances are those of a day and no beginning of the history; where a
booked balance has the credit line in it, it is none of ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.balance import BalanceKind, BalanceSeen

_CODES: Final = {
    "ITBD": "interimBooked",
    "CLBD": "closingBooked",
    "ITAV": "interimAvailable",
    "CLAV": "closingAvailable",
    "XPCD": "expected",
}
_KINDS: Final = {
    BalanceKind.CURRENT: ("interimBooked", "closingBooked"),
    BalanceKind.AVAILABLE: ("interimAvailable", "closingAvailable", "expected"),
}
"""The best first."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One balance as a bank states it: `code` is NextGenPSD2's word for its kind, or ISO's."""

    code: str
    amount: Decimal
    currency: str
    on: date | None = None
    with_limit: bool = False

    @property
    def word(self) -> str:
        """NextGenPSD2's word for its kind."""
        return _CODES.get(self.code, self.code)


def balances_of(
    account: str, stated: Iterable[Stated], at: datetime, zone: ZoneInfo
) -> list[BalanceSeen]:
    """Return an account's balances, of what was stated in its currency at this instant."""
    told = [one for one in stated if not (one.with_limit and one.word in _BOOKED)]
    found = []
    for kind, ranks in _KINDS.items():
        fitting = [one for one in told if one.word in ranks]
        if fitting:
            best = min(fitting, key=lambda one: (ranks.index(one.word), -_newness(one)))
            found.append(_seen(account, kind, best, at, zone))
    return found


def _newness(one: Stated) -> int:
    return one.on.toordinal() if one.on else date.max.toordinal()


def _seen(
    account: str, kind: BalanceKind, one: Stated, at: datetime, zone: ZoneInfo
) -> BalanceSeen:
    """Return a balance as of when it was true: that of a day before, as of that day's end."""
    today = at.astimezone(zone).date()
    if one.on is None or one.on >= today:
        return BalanceSeen(account, kind, one.amount, one.currency, at, today)
    end = datetime.combine(one.on + timedelta(days=1), time(), zone) - timedelta(seconds=1)
    return BalanceSeen(account, kind, one.amount, one.currency, end, one.on)


_BOOKED: Final = frozenset(_KINDS[BalanceKind.CURRENT])
