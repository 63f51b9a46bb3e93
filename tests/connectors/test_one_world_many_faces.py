"""The same world, read through any face, is the same ledger: every connector checks every other.

What a protocol cannot say (domain/says.py) is left out of the comparison with the bank's own,
which says all.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.balance import BalanceKind
from penstock.domain.protocol import PendingRule
from penstock.domain.says import EVERY_TYPE, Invested, Says
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox import steps
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.registry import FACES
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import connector_at, link
from tests.sandbox.visitor import visiting

Content = tuple[object, ...]


OTHERS = {face.name: connector_at(face.name, "http://127.0.0.1:1").says for face in FACES[1:]}
"""What each of them can say."""


@asynccontextmanager
async def two_readers(name: str, scenario: Scenario) -> AsyncIterator[tuple[Bank, Driver, Driver]]:
    """Run one bank with two readers, one of its own face, one of another."""
    async with visiting(transactions=60, page_size=25, scenario=scenario) as visitor:
        bank = visitor.bank
        own, other = [await reader(each, bank, visitor.http) for each in ("sandbox", name)]
        yield bank, own, other


async def reader(name: str, bank: Bank, http: aiohttp.ClientSession) -> Driver:
    """Return what reads through a face."""
    connector = connector_at(name, bank.url, clock=lambda: bank.world.now)
    return Driver(connector, http, await link(connector, bank, http, bank.options.scenario))


def contents(ledger: Ledger, names: frozenset[str], says: Says) -> Counter[Content]:
    """Return what the rows of these accounts say, but for what a protocol cannot."""
    of = names_of(ledger)
    return Counter(
        content(of[row.account], row, says)
        for row in ledger.rows.values()
        if of[row.account] in names and (says.pending or row.status is Status.POSTED)
    )


def names_of(ledger: Ledger) -> dict[str, str]:
    """Return the names of accounts: their ids are every protocol's own."""
    assert ledger.discovery is not None
    return {each.external_id: each.name for each in ledger.discovery.accounts}


def sayable(own: Ledger, says: Says) -> frozenset[str]:
    """Return the names of the accounts that a protocol can speak of."""
    assert own.discovery is not None
    return frozenset(each.name for each in own.discovery.accounts if each.type in says.types)


def content(account: str, row: TransactionSeen, says: Says) -> Content:
    """Return what a row says in any protocol."""
    to_come = row.status is Status.PENDING and row.value_on is not None
    return (
        account,
        row.status,
        str(row.amount),
        row.currency,
        row.value_on if to_come else row.booked_on,
        None if to_come or not says.happened else row.authorized_on,
        row.description,
        *((str(row.original_amount), row.original_currency) if says.abroad else ()),
    )


def stated(
    ledger: Ledger, names: frozenset[str], says: Says
) -> dict[tuple[str, BalanceKind], Content]:
    """Return the balances by account name."""
    of = names_of(ledger)
    return {
        (of[each.account], each.kind): (str(each.amount), each.currency, each.as_of_on)
        for each in ledger.balances
        if of[each.account] in names and each.kind in says.balances
    }


def test_the_banks_own_face_says_all() -> None:
    """With it all others are compared."""
    own = connector_at("sandbox", "http://127.0.0.1:1").says
    assert own == Says(
        EVERY_TYPE,
        frozenset(BalanceKind),
        holdings=True,
        all_of_holdings=True,
        invested=Invested.MONEY,
    )


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("scenario", [Scenario.CALM, Scenario.TWINS, Scenario.MANY_CURRENCIES])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_same_world_same_ledger(name: str, scenario: Scenario, seed: int) -> None:
    """After any moves, both connectors' ledgers are the world, rows, balances, days and all."""
    says = OTHERS[name]

    async def story() -> None:
        async with two_readers(name, scenario) as (bank, own, other):
            first, second, world = Ledger(), Ledger(), bank.world
            for turn in range(4):
                await own.update(first)
                second = second if says.later else Ledger()
                anew = None if says.long_ago else await reader(name, bank, other.http)
                await (anew or other).update(second)
                truth = {(row.account, row.external_id): row for row in world.live()}
                assert first.rows == truth
                assert set(first.balances) == set(world.balances())
                names = sayable(first, says)
                assert contents(first, names, says) == contents(second, names, says)
                assert stated(first, names, says) == stated(second, names, says)
                steps.wandering(seed * 100 + turn, 25)(world)

    asyncio.run(story())


@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    transactions=st.integers(20, 120),
    page_size=st.integers(3, 60),
    moves=st.lists(st.integers(0, 40), min_size=1, max_size=4),
)
def test_any_world_and_history_is_one_ledger(
    name: str, seed: int, transactions: int, page_size: int, moves: list[int]
) -> None:
    """A random world, moved at random between updates, told in pages of any size."""
    says = OTHERS[name]

    async def story() -> None:
        options = {"seed": seed, "transactions": transactions, "page_size": page_size}
        async with visiting(**options) as visitor:
            bank, first, second = visitor.bank, Ledger(), Ledger()
            own, other = [await reader(each, bank, visitor.http) for each in ("sandbox", name)]
            for turn, many in enumerate(moves):
                await own.update(first)
                second = second if says.later else Ledger()
                anew = None if says.long_ago else await reader(name, bank, visitor.http)
                await (anew or other).update(second)
                names = sayable(first, says)
                assert contents(first, names, says) == contents(second, names, says)
                assert stated(first, names, says) == stated(second, names, says)
                steps.wandering(seed + turn, many)(bank.world)

    asyncio.run(story())


def held(ledger: Ledger, says: Says) -> dict[tuple[str, str], Content]:
    """Return what is held by the names of the account and the thing, as exactly as it is told."""
    of = names_of(ledger)
    return {
        (of[account], one.name): (
            one.quantity,
            one.currency,
            one.as_of,
            one.price,
            one.cost_basis,
            *((one.value, one.type, one.symbol, one.isin) if says.all_of_holdings else ()),
        )
        for account, told in ledger.holdings.items()
        for one in told
    }


@pytest.mark.parametrize("name", [name for name, says in OTHERS.items() if says.holdings])
def test_the_same_is_held(name: str) -> None:
    """To the last decimal: fractions, coins and a short; what was sold is held no more."""
    says = OTHERS[name]

    async def story() -> None:
        async with two_readers(name, Scenario.INVESTED) as (bank, own, other):
            world = bank.world
            first, second = Ledger(), Ledger()
            for _ in range(3):
                await own.update(first)
                await other.update(second)
                assert held(first, says) == held(second, says)
                assert len(held(second, says)) == len(world.holdings()) > 0
                world.trade("WEIR", Decimal(-6))
                world.advance(1)

    asyncio.run(story())


@pytest.mark.parametrize("name", [name for name, says in OTHERS.items() if says.to_come])
def test_future_payments_are_pending_in_both(name: str) -> None:
    """What is due in days to come is pending, and dated then, whoever tells it."""

    async def story() -> None:
        async with two_readers(name, Scenario.FUTURE_DATED) as (_, own, other):
            first, second = Ledger(), Ledger()
            await own.update(first)
            await other.update(second)
            says, names = OTHERS[name], sayable(first, OTHERS[name])
            assert contents(first, names, says) == contents(second, names, says)

    asyncio.run(story())


@pytest.mark.parametrize("name", OTHERS)
def test_a_settled_row_is_one_row_in_both(name: str) -> None:
    """Some faces link two ids, others do not: either way there is one row, booked."""

    async def story() -> None:
        async with two_readers(name, Scenario.CALM) as (bank, own, other):
            first, second, world = Ledger(), Ledger(), bank.world
            held = world.hold("checking", -world.history.row(0).amount, "A long journey")
            await own.update(first)
            await other.update(second)
            world.settle(held.external_id)
            await own.update(first)
            await other.update(second)
            for ledger in (first, second):
                (row,) = [r for r in ledger.rows.values() if r.description == "A long journey"]
                assert (row.status, row.booked_on) == (Status.POSTED, world.today)
            linked = [row.pending_external_id for row in first.rows.values()]
            assert held.external_id in linked
            linked = [row.pending_external_id for row in second.rows.values()]
            assert any(linked) == (other.connector.pending_rule is PendingRule.LINKED)

    asyncio.run(story())


@pytest.mark.parametrize("name", [name for name, says in OTHERS.items() if says.pending])
def test_a_pending_row_that_is_taken_back_is_gone_from_both(name: str) -> None:
    """Whether the bank says so or only speaks of it no more."""

    async def story() -> None:
        async with two_readers(name, Scenario.CALM) as (bank, own, other):
            first, second, world = Ledger(), Ledger(), bank.world
            held = world.hold("checking", -world.history.row(0).amount, "A room for a night")
            for seen in (True, False):
                await own.update(first)
                await other.update(second)
                for ledger in (first, second):
                    words = [row.description for row in ledger.rows.values()]
                    assert ("A room for a night" in words) is seen
                if seen:
                    world.remove(held.external_id)

    asyncio.run(story())
