"""What MX says an investment account holds. Pure functions over bytes.

A quantity is numeric text, everything else a number. A holding without a price or a value is one
whose price MX does not know; its `cost_basis` is what all of it cost.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from penstock.connectors.mx_pages import Pagination
from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.errors import InvalidInput
from penstock.domain.holding import (
    HoldingSeen,
    SecurityType,
    canonical_price,
    canonical_quantity,
)

WHAT: Final = "investment_holdings"
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_TYPES: Final = {
    "EQUITY": SecurityType.STOCK,
    "EXCHANGE_TRADED_FUND": SecurityType.ETF,
    "MUTUAL_FUND": SecurityType.FUND,
    "HEDGE_FUND": SecurityType.FUND,
    "MONEY_MARKET": SecurityType.CASH,
    "CASH": SecurityType.CASH,
    "BOND": SecurityType.BOND,
    "FIXED_INCOME": SecurityType.BOND,
    "MUNICIPAL_BOND": SecurityType.BOND,
    "OPTIONS": SecurityType.OPTION,
    "CRYPTOCURRENCY": SecurityType.CRYPTO,
}


class _Holding(msgspec.Struct):
    guid: str
    account_guid: str
    quantity: str
    holding_type: str | None = None
    description: str | None = None
    symbol: str | None = None
    currency_code: str | None = None
    current_price: Decimal | None = None
    market_value: Decimal | None = None
    cost_basis: Decimal | None = None


class _Page(msgspec.Struct):
    investment_holdings: list[_Holding]
    pagination: Pagination


@dataclass(frozen=True, slots=True)
class HoldingsPage:
    """A page of holdings."""

    seen: Sequence[HoldingSeen]
    pagination: Pagination


_PAGE: Final = msgspec.json.Decoder(_Page)


def parse_holdings(body: bytes, currencies: Mapping[str, str], at: datetime) -> HoldingsPage:
    """Return a page of holdings, as of the job that read them. Raises ContractBroken.

    One without a currency is in its account's; `currencies` are those of the accounts.
    """
    page = decode(body, _PAGE, WHAT, "guid")
    return HoldingsPage(
        [_seen(one, currencies, at) for one in page.investment_holdings], page.pagination
    )


def _seen(one: _Holding, currencies: Mapping[str, str], at: datetime) -> HoldingSeen:
    if not usable_id(one.guid):
        raise broken(WHAT, "`guid` is blank or a placeholder", one.guid)
    currency = one.currency_code or currencies.get(one.account_guid, "")
    if not usable_currency(currency):
        raise broken(WHAT, "`currency_code` is no currency", one.guid)
    if _NUMBER.fullmatch(one.quantity) is None:
        raise broken(WHAT, f"`quantity`: {one.quantity[:40]!r} is no number", one.guid)
    try:
        return HoldingSeen(
            account=one.account_guid,
            external_id=one.guid,
            name=one.description or one.symbol or "Holding",
            type=_TYPES.get(one.holding_type or "", SecurityType.OTHER),
            quantity=canonical_quantity(Decimal(one.quantity)),
            currency=currency,
            as_of=at,
            symbol=one.symbol or None,
            price=_stated(one.current_price, currency),
            value=_stated(one.market_value, currency),
            cost_basis=_stated(one.cost_basis, currency),
        )
    except InvalidInput as error:
        raise broken(WHAT, str(error), one.guid) from None


def _stated(amount: Decimal | None, currency: str) -> Decimal | None:
    return None if amount is None else canonical_price(amount, currency)
