"""SnapTrade's activities, and what they mean. Pure functions over bytes.

After /accounts/{id}/activities. An amount is a JSON number and + where cash comes in; it is null
where only securities moved. Days are those of `trade_date`: an instant at some brokers, midnight
of Greenwich at those that tell a day, so the day is always Greenwich's. Crypto trades may be
denominated in a coin: then `currency` is null, and `currency_universal_symbol` names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from penstock.connectors.wire import (
    CANNOT_READ,
    broken,
    clean,
    decode,
    each_mapped,
    usable_currency,
    usable_id,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.money import canonical
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "activities"
_MOVE_CASH: Final = frozenset(
    {
        "BUY", "SELL", "DIVIDEND", "SUBSTITUTE_DIVIDEND", "CONTRIBUTION", "WITHDRAWAL", "INTEREST",
        "FEE", "TAX", "REBATE", "RETURN_OF_CAPITAL", "DISTRIBUTION", "INTERNAL_CASH_TRANSFER_IN",
        "INTERNAL_CASH_TRANSFER_OUT",
    }
)  # fmt: skip
"""What cannot be without an amount; of all else only securities may have moved."""


class _Currency(msgspec.Struct, gc=False):
    code: str | None = None


class _Symbol(msgspec.Struct, gc=False):
    symbol: str | None = None
    description: str | None = None
    currency: _Currency | None = None


class _Option(msgspec.Struct, gc=False):
    ticker: str | None = None


class _Activity(msgspec.Struct, gc=False):
    id: str
    type: str | None = None
    amount: Decimal | None = None
    currency: _Currency | None = None
    currency_universal_symbol: _Symbol | None = None
    symbol: _Symbol | None = None
    option_symbol: _Option | None = None
    units: Decimal | None = None
    description: str | None = None
    trade_date: datetime | None = None
    settlement_date: datetime | None = None
    external_reference_id: str | None = None


class _Pagination(msgspec.Struct):
    total: int
    offset: int | None = None


class _Page(msgspec.Struct):
    data: list[_Activity]
    pagination: _Pagination


class _LoosePage(msgspec.Struct):
    data: list[msgspec.Raw]
    pagination: _Pagination


class _Name(msgspec.Struct):
    id: str | None = None
    trade_date: str | None = None


@dataclass(frozen=True, slots=True)
class Activities:
    """A page: its rows, whose names it has in order (None: it has none), and how many there are.

    `untraded` says that one has no day of trade, by which activities are searched for.
    """

    upserts: Sequence[TransactionSeen]
    unmapped: Sequence[Unmapped]
    names: Sequence[str | None]
    untraded: bool
    offset: int | None
    total: int


_POSTED: Final = Status.POSTED
_PAGE: Final = msgspec.json.Decoder(_Page)
_LOOSE: Final = msgspec.json.Decoder(_LoosePage)
_ACTIVITY: Final = msgspec.json.Decoder(_Activity)
_NAME: Final = msgspec.json.Decoder(_Name)


def parse_activities(body: bytes, account: str) -> Activities:
    """Return a page of one account's activities. Raises ContractBroken.

    One that cannot be mapped goes along whole; nothing is dropped.
    """
    try:
        told = _PAGE.decode(clean(body))
        rows = [_mapped(one, account) for one in told.data]
    except (*CANNOT_READ, ContractBroken):
        return _one_by_one(body, account)
    names, untraded = [one.id for one in told.data], not all(one.trade_date for one in told.data)
    return Activities(rows, (), names, untraded, told.pagination.offset, told.pagination.total)


def _one_by_one(body: bytes, account: str) -> Activities:
    page = decode(body, _LOOSE, WHAT)
    good, bad = each_mapped(page.data, partial(parse_activity, account=account), account_field=None)
    of = [Unmapped(account, one.external_id, one.reason, one.raw) for one in bad]
    named = [_name(raw) for raw in page.data]
    names, untraded = [one.id for one in named], not all(one.trade_date for one in named)
    return Activities(good, of, names, untraded, page.pagination.offset, page.pagination.total)


def parse_activity(raw: bytes, account: str) -> TransactionSeen:
    """Return one activity. Raises ContractBroken."""
    return _mapped(decode(raw, _ACTIVITY, WHAT), account)


def _mapped(told: _Activity, account: str) -> TransactionSeen:
    if not usable_id(told.id):
        raise broken(WHAT, "`id` is blank", told.id)
    try:
        currency = _currency(told)
        amount = canonical(_amount(told), currency)
    except InvalidInput as error:
        raise broken(WHAT, f"`amount`: {error}", told.id) from None
    traded = _day(told.trade_date, told.id) or _day(told.settlement_date, told.id)
    if traded is None:
        raise broken(WHAT, "neither `trade_date` nor `settlement_date` is told", told.id)
    fields = (
        account,
        told.id,
        _POSTED,
        amount,
        currency,
        traded,
        _day(told.settlement_date, told.id),
        None,
        told.description or _in_words(told),
        told.symbol.description if told.symbol else None,
        told.type or None,
        told.external_reference_id or None,
        None,
        None,
        None,
    )
    return tuple.__new__(TransactionSeen, fields)


def _amount(told: _Activity) -> Decimal:
    if told.amount is not None:
        if not told.amount.is_finite():
            raise InvalidInput("it is not finite.")
        return told.amount
    if told.type is None or told.type in _MOVE_CASH:
        raise InvalidInput(f"it is missing, of what is {(told.type or 'of no type')[:40]}.")
    return Decimal(0)


def _currency(told: _Activity) -> str:
    """Return what the amount is in; where no cash moved, what the security is traded in."""
    currency = told.currency.code if told.currency else None
    if not currency and told.currency_universal_symbol:
        currency = told.currency_universal_symbol.symbol
    if not (currency or told.amount) and told.symbol and told.symbol.currency:
        currency = told.symbol.currency.code
    currency = currency or ""
    if not usable_currency(currency):
        raise InvalidInput(f"{currency[:40]!r} is no currency.")
    return currency


def _day(instant: datetime | None, name: str) -> date | None:
    """Return Greenwich's day. An instant without an offset is Greenwich's already."""
    if instant is None:
        return None
    try:
        return (instant.astimezone(UTC) if instant.tzinfo else instant).date()
    except OverflowError:
        raise broken(WHAT, "a day lies beyond all calendars", name) from None


def _in_words(told: _Activity) -> str:
    """Return what happened, where the broker has no words for it: `BUY 5.2 VAB.TO`."""
    ticker = told.option_symbol.ticker if told.option_symbol else None
    if ticker is None and told.symbol:
        ticker = told.symbol.symbol
    units = str(told.units)[:40] if told.units else None
    return " ".join(one for one in (told.type, units, ticker) if one)


def _name(raw: msgspec.Raw) -> _Name:
    try:
        return _NAME.decode(raw)
    except msgspec.MsgspecError:
        return _Name(trade_date=WHAT)  # it is set aside, and no day of it counts
