"""What an account at SnapTrade holds. Pure functions over bytes.

After /accounts/{id}/positions/all. Numbers are decimal texts there, and were JSON numbers in older
answers: both are read exactly. `price` and `cost_basis` are those of one unit, of an option those
of one underlying share; no value is stated. A fund that is a stand-in for cash is counted in the
cash balance too, and is told here as cash.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from typing import Final

import msgspec

from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput
from penstock.domain.holding import (
    MOST_DIGITS,
    HoldingSeen,
    SecurityType,
    canonical_price,
    canonical_quantity,
)
from penstock.domain.instrument import is_mic

WHAT: Final = "positions"
_OPTION: Final = "option"
_TYPES: Final = {
    "stock": SecurityType.STOCK,
    "adr": SecurityType.STOCK,
    "etf": SecurityType.ETF,
    "mutualfund": SecurityType.FUND,
    "cef": SecurityType.FUND,
    "crypto": SecurityType.CRYPTO,
    _OPTION: SecurityType.OPTION,
}
_LISTED: Final = frozenset({"stock", "adr", "etf", "mutualfund", "cef"})
_EXCHANGES: Final = {
    "AMEX": "XASE",
    "ARCA": "ARCX",
    "CSE": "XCNQ",
    "NASDAQ": "XNAS",
    "NEO": "NEOE",
    "NYSE": "XNYS",
    "TSX": "XTSE",
    "TSXV": "XTSX",
}
"""Names of exchanges that stand where a MIC should, some of them in the form of one."""

_NOT_BY_UNITS: Final = frozenset({"future", "cfd"})
"""Contracts: what one of them cost is not what is paid for it."""

_EXACT: Final = Context(prec=MOST_DIGITS, traps=[InvalidOperation, Inexact])
_WIDE: Final = Context(prec=4 * MOST_DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])


class _Underlying(msgspec.Struct):
    currency: str | None = None


class _Figi(msgspec.Struct):
    figi_code: str | None = None
    figi_share_class: str | None = None


class _Instrument(msgspec.Struct):
    kind: str
    id: str
    symbol: str
    raw_symbol: str | None = None
    exchange: str | None = None
    figi_instrument: _Figi | None = None
    description: str | None = None
    currency: str | None = None
    multiplier: Decimal | None = None
    underlying: _Underlying | None = None


class _Position(msgspec.Struct):
    instrument: _Instrument
    units: Decimal | None = None
    price: Decimal | None = None
    cost_basis: Decimal | None = None
    currency: str | None = None
    cash_equivalent: bool | None = None


class _Freshness(msgspec.Struct):
    as_of: datetime


class _Positions(msgspec.Struct):
    results: list[_Position]
    data_freshness: _Freshness


@dataclass(frozen=True, slots=True)
class Positions:
    """What is held as of an instant. `unknown` are those of which it is not said how many."""

    as_of: datetime
    holdings: tuple[HoldingSeen, ...]
    unknown: tuple[str, ...]


_POSITIONS: Final = msgspec.json.Decoder(_Positions)


def parse_positions(body: bytes, account: str) -> Positions:
    """Return what an account holds; the same thing listed twice is one. Raises ContractBroken."""
    told = decode(body, _POSITIONS, WHAT)
    as_of = told.data_freshness.as_of
    if as_of.tzinfo is None:
        raise broken(WHAT, "`as_of` has no offset")
    known = [each for each in told.results if each.units is not None]
    return Positions(
        as_of,
        _joined(_seen(each, account, as_of) for each in known),
        tuple(each.instrument.symbol[:40] for each in told.results if each.units is None),
    )


def _seen(told: _Position, account: str, as_of: datetime) -> HoldingSeen:
    what = told.instrument
    if not usable_id(what.id):
        raise broken(WHAT, "an instrument has no id", what.symbol)
    underlying = what.underlying.currency if what.underlying else None
    currency = told.currency or what.currency or underlying or ""
    if not usable_currency(currency):
        raise broken(WHAT, f"{currency[:40]!r} is no currency", what.id)
    mic = _mic(what)
    try:
        return HoldingSeen(
            account=account,
            external_id=what.id,
            name=what.description or what.symbol,
            type=SecurityType.CASH if told.cash_equivalent else _type(what.kind),
            quantity=canonical_quantity(told.units or Decimal(0)),
            currency=currency,
            as_of=as_of,
            symbol=(what.raw_symbol if mic else None) or what.symbol or None,
            mic=mic,
            figi=_figi(what),
            security=what.id,
            price=None if told.price is None else canonical_price(told.price, currency),
            cost_basis=_cost(told, currency),
        )
    except (InvalidInput, InvalidOperation, Inexact) as error:
        raise broken(WHAT, f"{error}", what.id) from None


def _mic(what: _Instrument) -> str | None:
    """Return the market that the raw symbol is of. An option's and a coin's is none of theirs."""
    if what.kind not in _LISTED or not what.exchange:
        return None
    code = what.exchange.strip().upper()
    return _EXCHANGES.get(code) or (code if is_mic(code) else None)


def _figi(what: _Instrument) -> str | None:
    """Return the FIGI of the share class, which is the same on all exchanges, or else this one's.

    An option has the one of what it is an option on.
    """
    told = what.figi_instrument
    if told is None or what.kind not in _LISTED:
        return None
    return told.figi_share_class or told.figi_code


def _type(kind: str) -> SecurityType:
    return _TYPES.get(kind, SecurityType.OTHER)


def _cost(told: _Position, currency: str) -> Decimal | None:
    """Return what all of it cost, to the coin: what one cost is an average, and rounded before."""
    each, units, what = told.cost_basis, told.units, told.instrument
    if each is None or units is None or what.kind in _NOT_BY_UNITS:
        return None
    if what.kind == _OPTION:
        if what.multiplier is None:
            return None
        units = _WIDE.multiply(units, what.multiplier)
    coin = Decimal(1).scaleb(-minor_digits(currency))
    return canonical_price(_WIDE.multiply(each, units).quantize(coin, context=_WIDE), currency)


def _joined(holdings: Iterable[HoldingSeen]) -> tuple[HoldingSeen, ...]:
    """Return each thing once, for a broker may list it lot by lot. Raises ContractBroken."""
    found: dict[str, HoldingSeen] = {}
    for one in holdings:
        first = found.get(one.external_id)
        found[one.external_id] = one if first is None else _sum(first, one)
    return tuple(found.values())


def _sum(first: HoldingSeen, other: HoldingSeen) -> HoldingSeen:
    if first.currency != other.currency:
        raise broken(WHAT, "one instrument is told in two currencies", first.external_id)
    cost = None
    try:
        quantity = canonical_quantity(_EXACT.add(first.quantity, other.quantity))
        if first.cost_basis is not None and other.cost_basis is not None:
            total = _EXACT.add(first.cost_basis, other.cost_basis)
            cost = canonical_price(total, first.currency)
    except (InvalidInput, InvalidOperation, Inexact) as error:
        raise broken(WHAT, f"{error}", first.external_id) from None
    price = first.price if first.price == other.price else None
    return replace(first, quantity=quantity, price=price, cost_basis=cost)
