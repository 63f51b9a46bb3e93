"""What an institution says stands on an account, and as of when."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class BalanceKind(StrEnum):
    """Which balance it is.

    `current` counts posted rows only, `available` what can be spent, `limit` the credit line.
    `opening` is what stood there before the first row that the institution lists.
    """

    CURRENT = "current"
    AVAILABLE = "available"
    LIMIT = "limit"
    OPENING = "opening"


@dataclass(frozen=True, slots=True)
class BalanceSeen:
    """One balance of a provider's answer; + is towards the holder, so what is owed is negative.

    `as_of` is the instant it was true, `as_of_on` that day in the bank's own zone. For an opening
    balance the day is the first one whose rows are not yet in it.
    """

    account: str
    kind: BalanceKind
    amount: Decimal
    currency: str
    as_of: datetime
    as_of_on: date
