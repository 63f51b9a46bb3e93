"""What a protocol can say: so that people know what to expect, and tests what to compare."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind

EVERYDAY: Final = frozenset({AccountType.CHECKING, AccountType.SAVINGS})
EVERY_TYPE: Final = frozenset(AccountType)


class Invested(StrEnum):
    """What the balance of an investment account is: the money on it, or the whole of it.

    MONEY: positions are worth something besides, but for those that stand for cash. TOTAL: what
    they are worth is in it. Taken for the other, everything would count twice, or not at all.
    """

    MONEY = "money"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Says:
    """What a protocol can say, and what it leaves out, whatever the bank knows.

    `types`: of which accounts it tells. `balances`: which of them. `pending`: rows that are not
    booked yet. `to_come`: when a payment will be made. `happened`: the day of a purchase, beside
    that of its booking. `abroad`: what it was in another currency. `later`: whatever happens to a
    row, however old it is; else what happens to an old one is seen when all is read from the
    beginning. `long_ago`: what happened months ago, at any time; else only to who has just been
    linked. `holdings`: what is held, or `all_of_holdings` with ISIN, exact type and value.
    `invested`: what the balance of an account with holdings is; where nothing is known, the whole.
    """

    types: frozenset[AccountType] = EVERYDAY
    balances: frozenset[BalanceKind] = frozenset({BalanceKind.CURRENT})
    pending: bool = True
    to_come: bool = True
    happened: bool = True
    abroad: bool = True
    later: bool = True
    long_ago: bool = True
    holdings: bool = False
    all_of_holdings: bool = False
    invested: Invested = Invested.TOTAL
