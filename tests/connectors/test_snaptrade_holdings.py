"""SnapTrade's positions, and what they mean."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from penstock.connectors.snaptrade_holdings import Positions, parse_positions
from penstock.domain.errors import ContractBroken
from penstock.domain.holding import SecurityType
from tests.connectors.snaptrade_samples import encoded, position

AT = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


def positions(*told: dict[str, Any]) -> Positions:
    """Read positions."""
    freshness = {"as_of": AT.isoformat()}
    return parse_positions(encoded({"results": told, "data_freshness": freshness}), "acc")


@pytest.mark.parametrize("number", ["10.5", 10.5], ids=["text", "number"])
def test_positions_are_told_in_texts_or_numbers(number: object) -> None:
    """Both exactly; the price is of one, and what one cost on the average makes the whole cost."""
    (held,) = positions(position(units=number, price=123.45)).holdings
    assert (held.account, held.external_id, held.name, held.symbol) == (
        "acc",
        "i1",
        "Apple Inc.",
        "AAPL",
    )
    assert (held.type, held.quantity, held.as_of) == (SecurityType.STOCK, Decimal("10.5"), AT)
    assert (held.price, held.value, held.cost_basis) == (
        Decimal("123.45"),
        None,
        Decimal("1241.10"),
    )


def test_an_average_of_many_digits_makes_a_cost_in_coins() -> None:
    """A third of a dollar for each of three: a dollar."""
    (held,) = positions(position(units="3", cost_basis="0." + "3" * 27)).holdings
    assert str(held.cost_basis) == "1.00"
    coin = position(units="1.234567890123456789", cost_basis="2718." + "1" * 30)
    assert positions(coin).holdings[0].quantity == Decimal("1.234567890123456789")


def test_an_option_is_counted_in_contracts_and_priced_by_share() -> None:
    """What it cost is contracts by shares in each, by what one share's option cost."""
    instrument = {
        "kind": "option",
        "id": "o1",
        "symbol": "AAPL  261218C00240000",
        "multiplier": "100",
        "underlying": {"currency": "USD"},
    }
    told = position(instrument=instrument, units="-2", cost_basis="3.25", currency=None)
    (held,) = positions(told).holdings
    assert (held.type, held.currency, str(held.cost_basis)) == (
        SecurityType.OPTION,
        "USD",
        "-650.00",
    )
    unknown = position(instrument={**instrument, "multiplier": None})
    assert positions(unknown).holdings[0].cost_basis is None


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("adr", SecurityType.STOCK),
        ("etf", SecurityType.ETF),
        ("cef", SecurityType.FUND),
        ("mutualfund", SecurityType.FUND),
        ("crypto", SecurityType.CRYPTO),
        ("future", SecurityType.OTHER),
        ("cfd", SecurityType.OTHER),
        ("whatever", SecurityType.OTHER),
    ],
)
def test_kinds_of_instruments(kind: str, kept: SecurityType) -> None:
    """Ten kinds, and those to come; what a contract on something cost is not told."""
    instrument = {"kind": kind, "id": "i", "symbol": "S"}
    (held,) = positions(position(instrument=instrument)).holdings
    assert (held.type, held.name) == (kept, "S")
    assert (held.cost_basis is None) == (kind in {"future", "cfd"})


def test_what_is_listed_lot_by_lot_is_one_position() -> None:
    """Told once: quantities and costs add up; of two prices neither is the price."""
    lots = position(units="1", cost_basis="10"), position(units="2", cost_basis="20", price="1")
    (held,) = positions(*lots).holdings
    assert (str(held.quantity), str(held.cost_basis), held.price) == ("3", "50.00", None)
    (unsure,) = positions(lots[0], position(units="2", cost_basis=None)).holdings
    assert (str(unsure.quantity), unsure.cost_basis) == ("3", None)
    with pytest.raises(ContractBroken, match="two currencies"):
        positions(lots[0], position(currency="CAD"))


@pytest.mark.parametrize(
    "changes",
    [
        {"units": "NaN"},
        {"units": "1e999999"},
        {"price": "Infinity"},
        {"cost_basis": "1e999999"},
        {"cost_basis": "sNaN"},
        {"currency": "dollars"},
        {"instrument": {"kind": "stock", "id": "", "symbol": "S"}},
        {"instrument": {"kind": "stock", "id": "i", "symbol": "S"}, "currency": None},
    ],
    ids=str,
)
def test_a_position_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """By name; nothing is guessed, and no huge number is written out."""
    with pytest.raises(ContractBroken):
        positions(position(**changes))


def test_positions_say_as_of_when() -> None:
    """`data_freshness` is when the broker was asked, and needs its zone."""
    for freshness in ({}, {"as_of": "2026-11-20T00:00:00"}, {"as_of": None}):
        with pytest.raises(ContractBroken):
            parse_positions(encoded({"results": [], "data_freshness": freshness}), "acc")


@pytest.mark.parametrize(
    ("kind", "exchange", "figi", "told"),
    [
        ("stock", "XTSE", None, ("RY", "XTSE", None)),
        ("etf", "ARCA", {"figi_code": "F1", "figi_share_class": "F2"}, ("RY", "ARCX", "F2")),
        ("stock", "TSX", {"figi_code": "F1"}, ("RY", "XTSE", "F1")),
        ("stock", "Somewhere", None, ("RY.TO", None, None)),
        ("stock", None, None, ("RY.TO", None, None)),
        ("option", "XTSE", {"figi_code": "F1"}, ("RY.TO", None, None)),
    ],
)
def test_what_names_the_security(
    kind: str, exchange: str | None, figi: dict[str, str] | None, told: tuple[str | None, ...]
) -> None:
    """The ticker on its market without a suffix, the share class's FIGI, and SnapTrade's own id.

    What names an option's share is no name of the option.
    """
    what = {"kind": kind, "id": "i", "symbol": "RY.TO", "raw_symbol": "RY", "currency": "CAD"}
    told_of = {**what, "exchange": exchange, "figi_instrument": figi}
    (held,) = positions(position(instrument=told_of)).holdings
    assert (held.symbol, held.mic, held.figi) == told
    assert held.security == "i"
