"""Up's money: a text and the same again in the smallest coin, signed, + in. Pure functions."""

from decimal import Decimal
from typing import Annotated

import msgspec

from penstock.connectors.wire import amount_of
from penstock.domain.errors import InvalidInput
from penstock.domain.money import from_minor

_INT64 = msgspec.Meta(ge=-(2**63), le=2**63 - 1)


class Money(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An amount as Up writes it, twice."""

    currency_code: str
    value: str
    value_in_base_units: Annotated[int, _INT64]


def exact(money: Money) -> Decimal:
    """Return an amount in the account's currency. Raises InvalidInput where its two forms differ.

    One of them is wrong then, and nobody can say which.
    """
    amount = amount_of(money.value, money.currency_code)
    if amount != from_minor(money.value_in_base_units, money.currency_code):
        raise _contradiction(money)
    return amount


def abroad(money: Money) -> Decimal:
    """Return what was paid in another currency. Raises InvalidInput where its two forms differ.

    What the smallest coin of a currency is, banks do not agree upon (is there a hundredth of a
    króna?): here it is what the text says, or what ISO 4217 says.
    """
    amount = amount_of(money.value, money.currency_code)
    units = money.value_in_base_units
    as_written = int(money.value.replace(".", ""))
    if units != as_written and amount != from_minor(units, money.currency_code):
        raise _contradiction(money)
    return amount


def _contradiction(money: Money) -> InvalidInput:
    units = money.value_in_base_units
    return InvalidInput(f"`value` is {money.value[:40]}, but `valueInBaseUnits` is {units}.")
