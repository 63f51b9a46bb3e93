"""What an account holds besides money: shares, funds, coins, and how many of each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput

MOST_DECIMALS: Final = 30
"""Coins are parted finer than money: ether has 18 decimals, nano 30."""
MOST_DIGITS: Final = 60

_EXACT: Final = Context(prec=MOST_DIGITS, traps=[InvalidOperation])


class SecurityType(StrEnum):
    """What kind of thing is held."""

    STOCK = "stock"
    ETF = "etf"
    FUND = "fund"
    BOND = "bond"
    CRYPTO = "crypto"
    OPTION = "option"
    CASH = "cash"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class HoldingSeen:
    """One position of a provider's answer, as of the instant that the institution states.

    `account` and `external_id` are the provider's ids; the latter names the position for as long
    as it is held, and is told once an answer. `quantity` is negative for a short. `price` (of one)
    and `value` (of all) are the institution's own, never computed by us, and `cost_basis` is what
    all of it cost; each is in `currency`, and None where nothing is stated.

    What names the security is told as the provider writes it, and believed only where it is valid:
    `symbol` and the `mic` of its exchange (ISO 10383), `isin`, `figi`, `cusip`. `security` is the
    provider's own id of the thing, which is the same in all accounts; None where it has none.
    """

    account: str
    external_id: str
    name: str
    type: SecurityType
    quantity: Decimal
    currency: str
    as_of: datetime
    symbol: str | None = None
    isin: str | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    cost_basis: Decimal | None = None
    mic: str | None = None
    figi: str | None = None
    cusip: str | None = None
    security: str | None = None


def canonical_quantity(quantity: Decimal) -> Decimal:
    """Return `quantity` written the one way that we store it: 2.50 is 2.5, 1E+2 is 100.

    Raises InvalidInput for NaN, infinities, more than 30 decimals or more than 60 digits in all.
    """
    return _canonical(quantity, 0)


def canonical_price(amount: Decimal, currency: str) -> Decimal:
    """Return a price, a value or a cost written the one way that we store it.

    As money is (domain/money.py), with at least the currency's minor digits, but with as many
    decimals as a quantity may have. Raises InvalidInput as `canonical_quantity` does.
    """
    return _canonical(amount, minor_digits(currency))


def _canonical(number: Decimal, decimals: int) -> Decimal:
    try:
        shortest = number.normalize(_EXACT)
        exponent = shortest.as_tuple().exponent
        if shortest == number and isinstance(exponent, int) and exponent >= -MOST_DECIMALS:
            written = shortest.quantize(Decimal(1).scaleb(min(exponent, -decimals)), context=_EXACT)
            return written or written.copy_abs()
    except InvalidOperation:
        pass
    raise InvalidInput(f"{number} is not a number that we can keep exactly.")
