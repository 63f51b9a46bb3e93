"""What the fake bank's investors hold: a world of its own, that moves with the bank's clock."""

import asyncio
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import NotFound
from penstock.domain.holding import SecurityType
from penstock.sandbox.plan import Plan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.sandbox.visitor import TODAY, visiting


def invested(transactions: int = 40) -> World:
    """Make a world with investments."""
    return World(Plan(TODAY, transactions=transactions, flavour=Scenario.INVESTED))


def test_only_the_invested_hold_anything() -> None:
    """No other world has an account for it; in this one all belongs to the broker's account."""
    for flavour in (Scenario.CALM, Scenario.TWINS, Scenario.MANY_CURRENCIES):
        assert World(Plan(TODAY, flavour=flavour)).holdings() == ()
    world = invested()
    (broker,) = (each for each in world.accounts if each.type is AccountType.INVESTMENT)
    assert {each.account for each in world.holdings()} == {broker.external_id}
    assert len({each.external_id for each in world.holdings()}) == len(world.holdings()) == 5
    assert world.truth().holdings == world.holdings()


def test_there_is_something_of_everything() -> None:
    """Whole and fractional shares, eighteen decimals, a short, and one without symbol or price."""
    held = {each.external_id.rpartition("-")[2]: each for each in invested().holdings()}
    assert held["weir"].quantity == 12
    assert held["wrld"].type is SecurityType.ETF
    assert held["ether"].quantity.as_tuple().exponent == -18
    assert held["sluice"].quantity < 0
    assert (held["sluice"].value or 0) < 0
    assert (held["bond"].symbol, held["bond"].price) == (None, None)
    assert held["bond"].value is not None


def test_prices_and_quantities_move_with_the_clock_and_come_from_the_seed() -> None:
    """The same day is the same to the last digit, whoever asks; another day has other prices."""
    world, twin = invested(), invested()
    assert world.holdings() == twin.holdings()
    before = {each.external_id: each for each in world.holdings()}
    world.advance(3)
    twin.advance(1)
    twin.advance(2)
    assert world.holdings() == twin.holdings()
    after = {each.external_id: each for each in world.holdings()}
    assert [one.price for one in before.values()] != [one.price for one in after.values()]
    grew = {name for name in before if after[name].quantity > before[name].quantity}
    assert grew == {"pos-ada-wrld", "pos-ada-ether"}
    assert all(one.as_of == world.now for one in after.values())


def test_a_trade_is_a_position_and_a_row() -> None:
    """What is bought is held, what is sold is not, and both are booked on the account."""
    world = invested()
    (broker,) = {each.account for each in world.holdings()}

    def stands() -> Decimal:
        return next(
            each.amount
            for each in world.balances()
            if each.account == broker and each.kind is BalanceKind.CURRENT
        )

    before = stands()
    row = world.trade("WEIR", Decimal(-12))
    assert (row.account, row.description) == (broker, "Sold 12 WEIR")
    assert stands() == before + row.amount > before
    assert "WEIR" not in {each.symbol for each in world.holdings()}
    again = world.trade("weir", Decimal("0.5"))
    assert again.amount < 0
    (weir,) = (each for each in world.holdings() if each.symbol == "WEIR")
    assert weir.quantity == Decimal("0.5")
    with pytest.raises(NotFound):
        world.trade("NONE", Decimal(1))
    with pytest.raises(NotFound):
        World(Plan(TODAY)).trade("WEIR", Decimal(1))


def test_the_account_has_activities() -> None:
    """Money in, purchases, dividends and fees are among its rows; nobody shops from it."""
    world = invested(400)
    (broker,) = {each.account for each in world.holdings()}
    kinds = {row.category for row in world.live() if row.account == broker}
    assert kinds == {"transfer", "buy", "dividend", "fee"}


def test_holdings_over_the_banks_own_protocol() -> None:
    """Numbers are texts, what is not so is left out; who has no broker is told of no account."""

    async def story() -> None:
        async with visiting(scenario=Scenario.INVESTED, transactions=40) as visitor:
            await visitor.link()
            answer = await visitor.get("/v1/holdings")
            (broker,) = answer.json["accounts"]
            world = visitor.bank.world
            assert broker["as_of"] == msgspec.to_builtins(world.now)
            told = {one["id"]: one for one in broker["holdings"]}
            for each in world.holdings():
                one = told.pop(each.external_id)
                assert (one["name"], one["type"]) == (each.name, each.type)
                assert one["quantity"] == f"{each.quantity:f}"
                assert one.get("price") == (each.price and f"{each.price:f}")
                assert one.get("symbol") == each.symbol
            assert told == {}
            sold = await visitor.control("trade", {"symbol": "WEIR", "quantity": "-12"})
            assert (sold.status, sold.json["description"]) == (200, "Sold 12 WEIR")
            (broker,) = (await visitor.get("/v1/holdings")).json["accounts"]
            assert "WEIR" not in {one.get("symbol") for one in broker["holdings"]}
        async with visiting() as visitor:
            await visitor.link()
            assert (await visitor.get("/v1/holdings")).json == {"accounts": []}
            refused = await visitor.control("trade", {"symbol": "WEIR", "quantity": "1"})
            assert refused.status == 400

    asyncio.run(story())
