"""The sandbox connector and what is held: a stream of its own, whole, exact, or an error."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.sandbox import HOLDINGS, Sandbox
from penstock.connectors.sandbox_holdings import parse_holdings
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.errors import ContractBroken
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.institution import Institution
from penstock.domain.update import Discovery, Holdings
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import connector_at, link
from tests.connectors.recording import GARBAGE, places, replaced
from tests.sandbox.visitor import visiting

ROW: dict[str, Any] = {
    "id": "p1",
    "symbol": "ETH",
    "isin": "XX0000000010",
    "mic": "XSBX",
    "figi": "BBG000B9XRY4",
    "cusip": "037833100",
    "security": "sec-ether",
    "name": "Ether",
    "type": "crypto",
    "quantity": "-0.000000000000000001",
    "price": "2718.28",
    "value": "0.00",
    "cost_basis": "12.5",
    "currency": "EUR",
}
SEEN = HoldingSeen(
    account="a",
    external_id="p1",
    name="Ether",
    type=SecurityType.CRYPTO,
    quantity=Decimal("-0.000000000000000001"),
    currency="EUR",
    as_of=datetime(2026, 11, 20, 12, tzinfo=UTC),
    symbol="ETH",
    isin="XX0000000010",
    mic="XSBX",
    figi="BBG000B9XRY4",
    cusip="037833100",
    security="sec-ether",
    price=Decimal("2718.28"),
    value=Decimal("0.00"),
    cost_basis=Decimal("12.5"),
)


def said(*rows: dict[str, Any], **account: Any) -> bytes:
    """Write an answer about one account."""
    known = {"account_id": "a", "as_of": "2026-11-20T12:00:00Z", "holdings": rows}
    return msgspec.json.encode({"accounts": [known | account]})


def test_every_field_of_a_position() -> None:
    """Each is what the bank says, to the eighteenth decimal; what is left out is not known."""
    assert parse_holdings(said(ROW), ["a"]) == (Holdings("a", (SEEN,)),)
    bare = {name: ROW[name] for name in ("id", "name", "type", "quantity", "currency")}
    (told,) = parse_holdings(said(bare), ["a"])
    (one,) = told.holdings
    assert (one.symbol, one.isin, one.price, one.value, one.cost_basis) == (None,) * 5


def test_an_account_that_holds_nothing_says_so() -> None:
    """An empty list is an answer; no list at all is none, and ends no position."""
    assert parse_holdings(said(), ["a"]) == (Holdings("a", ()),)
    with pytest.raises(ContractBroken, match="nothing is said of the account"):
        parse_holdings(said(), ["a", "b"])


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "0"},
        {"quantity": 1.5},
        {"quantity": "NaN"},
        {"quantity": "1_0"},
        {"quantity": "1e3"},
        {"quantity": None},
        {"price": "1,5"},
        {"value": "٣"},
        {"type": "house"},
        {"currency": "euro"},
        {"name": None},
    ],
    ids=str,
)
def test_nonsense_is_refused(change: dict[str, Any]) -> None:
    """sync.md 8, 15: a position that cannot be read is an error, and never left out."""
    with pytest.raises(ContractBroken):
        parse_holdings(said(ROW | change), ["a"])


def test_an_instant_without_an_offset_is_refused() -> None:
    """Nobody knows when that was."""
    with pytest.raises(ContractBroken, match="offset"):
        parse_holdings(said(ROW, as_of="2026-11-20T12:00:00"), ["a"])


@given(st.data())
def test_one_wrong_value_is_refused_or_understood(data: st.DataObject) -> None:
    """Any single value replaced or left out: what comes is sound, or ContractBroken."""
    content = msgspec.json.decode(said(ROW, ROW | {"id": "p2"}))
    path = data.draw(st.sampled_from(list(places(content))))
    spoilt = replaced(content, path, data.draw(st.sampled_from([..., *GARBAGE])))
    try:
        body = msgspec.json.encode(spoilt)
        told = parse_holdings(body, ["a"])
    except (ContractBroken, OverflowError):
        return
    for one in (one for each in told for one in each.holdings):
        assert one.quantity.is_finite()
        assert one.as_of.tzinfo is not None


def test_nobody_is_asked_who_has_no_account_for_it() -> None:
    """A bank without investment accounts has the one stream that it always had."""
    bank = Sandbox("http://127.0.0.1:1")
    plain = AccountSeen("a", "Everyday", AccountType.CHECKING, "EUR")
    broker = AccountSeen("b", "Broker", AccountType.INVESTMENT, "EUR")
    institution = Institution("sandbox", "Sandbox Bank")
    assert len(bank.streams(Discovery(institution, [plain]))) == 1
    rows, held = bank.streams(Discovery(institution, [plain, broker]))
    assert (rows.accounts, held.key, held.accounts) == (("a", "b"), HOLDINGS, ("b",))


def test_over_http_it_is_the_worlds_truth() -> None:
    """As days go by and things are bought and sold, what is read is what the world holds."""

    async def story() -> None:
        async with (
            visiting(scenario=Scenario.INVESTED, transactions=40) as visitor,
            aiohttp.ClientSession() as http,
        ):
            connector = connector_at("sandbox", visitor.bank.url)
            granted = await link(connector, visitor.bank, http, Scenario.INVESTED)
            driver, ledger, world = Driver(connector, http, granted), Ledger(), visitor.bank.world
            for word, quantity in (("weir", -12), ("ETH", 2), ("WEIR", 1)):
                await driver.update(ledger)
                (held,) = ledger.holdings.values()
                assert tuple(held) == world.holdings()
                assert set(ledger.rows.values()) == set(world.truth().transactions)
                world.trade(word, Decimal(quantity))
                world.advance(1)

    asyncio.run(story())
