"""What the sandbox bank says of holdings, and what it means. Pure functions over bytes."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.update import Holdings

_WHAT: Final = "holdings"
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")


class _Holding(msgspec.Struct):
    id: str
    name: str
    type: SecurityType
    quantity: str
    currency: str
    symbol: str | None = None
    isin: str | None = None
    mic: str | None = None
    figi: str | None = None
    cusip: str | None = None
    security: str | None = None
    price: str | None = None
    value: str | None = None
    cost_basis: str | None = None


class _Account(msgspec.Struct):
    account_id: str
    as_of: datetime
    holdings: list[_Holding]


class _Accounts(msgspec.Struct):
    accounts: list[_Account]


_ACCOUNTS: Final = msgspec.json.Decoder(_Accounts)


def parse_holdings(body: bytes, accounts: Sequence[str]) -> tuple[Holdings, ...]:
    """Return what each of these accounts holds.

    Raises ContractBroken; so too where one of them is left out: that it holds nothing is said with
    an empty list.
    """
    told: dict[str, Holdings] = {}
    for each in decode(body, _ACCOUNTS, _WHAT, "account_id").accounts:
        if each.as_of.tzinfo is None:
            raise broken(_WHAT, "`as_of` has no offset", each.account_id)
        rows = tuple(_seen(one, each) for one in each.holdings)
        told[each.account_id] = Holdings(each.account_id, rows)
    for name in accounts:
        if name not in told:
            raise broken(_WHAT, "nothing is said of the account", name)
    return tuple(told.values())


def _seen(one: _Holding, account: _Account) -> HoldingSeen:
    if not usable_id(one.id):
        raise broken(_WHAT, "`id` is blank or a placeholder", one.id)
    if not usable_currency(one.currency):
        raise broken(_WHAT, f"{one.currency[:12]!r} is no currency", one.id)
    return HoldingSeen(
        account=account.account_id,
        external_id=one.id,
        name=one.name,
        type=one.type,
        quantity=_number(one, one.quantity),
        currency=one.currency,
        as_of=account.as_of,
        symbol=one.symbol,
        isin=one.isin,
        mic=one.mic,
        figi=one.figi,
        cusip=one.cusip,
        security=one.security,
        price=_stated(one, one.price),
        value=_stated(one, one.value),
        cost_basis=_stated(one, one.cost_basis),
    )


def _stated(one: _Holding, text: str | None) -> Decimal | None:
    return None if text is None else _number(one, text)


def _number(one: _Holding, text: str) -> Decimal:
    if _NUMBER.fullmatch(text) is None:
        raise broken(_WHAT, f"{text[:40]!r} is no number", one.id)
    return Decimal(text)
