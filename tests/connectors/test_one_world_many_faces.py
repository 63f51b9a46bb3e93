"""The same world, read through any face, is the same ledger: every connector checks every other.

What Starling's protocol cannot say is left out of the comparison: credit cards and wallets,
opening balances, value days, ids of their own for rows that settled, the day on which a payment
that is still to come was ordered.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox import steps
from penstock.sandbox.bank import Bank
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import connector_at, link
from tests.sandbox.visitor import visiting

SAYABLE = frozenset({AccountType.CHECKING, AccountType.SAVINGS})
Content = tuple[object, ...]


@asynccontextmanager
async def two_readers(scenario: Scenario) -> AsyncIterator[tuple[World, Driver, Driver]]:
    """Run one bank with two readers, one for each face."""
    async with visiting(transactions=60, scenario=scenario) as visitor:
        bank = visitor.bank
        own, starling = [await reader(name, bank, visitor.http) for name in ("sandbox", "starling")]
        yield bank.world, own, starling


async def reader(name: str, bank: Bank, http: aiohttp.ClientSession) -> Driver:
    """Return what reads through a face."""
    connector = connector_at(name, bank.url)
    return Driver(connector, http, await link(connector, bank, http, bank.options.scenario))


def contents(ledger: Ledger) -> Counter[Content]:
    """Return what the ledger's rows say, but for what one of the faces cannot."""
    assert ledger.discovery is not None
    names = {
        each.external_id: each.name for each in ledger.discovery.accounts if each.type in SAYABLE
    }
    return Counter(
        content(names[row.account], row) for row in ledger.rows.values() if row.account in names
    )


def content(account: str, row: TransactionSeen) -> Content:
    """Return what a row says in any protocol."""
    to_come = row.status is Status.PENDING and row.value_on is not None
    return (
        account,
        row.status,
        str(row.amount),
        row.currency,
        row.value_on if to_come else row.booked_on,
        None if to_come else row.authorized_on,
        row.description,
        str(row.original_amount),
        row.original_currency,
    )


def stated(ledger: Ledger) -> dict[tuple[str, BalanceKind], Content]:
    """Return the current balances by account name."""
    assert ledger.discovery is not None
    names = {
        each.external_id: each.name for each in ledger.discovery.accounts if each.type in SAYABLE
    }
    return {
        (names[each.account], each.kind): (str(each.amount), each.currency, each.as_of_on)
        for each in ledger.balances
        if each.account in names and each.kind is BalanceKind.CURRENT
    }


@pytest.mark.parametrize("scenario", [Scenario.CALM, Scenario.TWINS, Scenario.MANY_CURRENCIES])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_same_world_same_ledger(scenario: Scenario, seed: int) -> None:
    """After any moves, both connectors' ledgers are the world, rows, balances, days and all."""

    async def story() -> None:
        async with two_readers(scenario) as (world, own, starling):
            first, second = Ledger(), Ledger()
            for turn in range(4):
                await own.update(first)
                await starling.update(second)
                truth = {(row.account, row.external_id): row for row in world.live()}
                assert first.rows == truth
                assert set(first.balances) == set(world.balances())
                assert contents(first) == contents(second)
                assert stated(first) == stated(second)
                steps.wandering(seed * 100 + turn, 25)(world)

    asyncio.run(story())


def test_future_payments_are_pending_in_both() -> None:
    """What is due in days to come is pending, and dated then, whoever tells it."""

    async def story() -> None:
        async with two_readers(Scenario.FUTURE_DATED) as (_, own, starling):
            first, second = Ledger(), Ledger()
            await own.update(first)
            await starling.update(second)
            assert contents(first) == contents(second)

    asyncio.run(story())


def test_a_settled_row_is_one_row_in_both() -> None:
    """One face links two ids, the other keeps one: either way there is one row, booked."""

    async def story() -> None:
        async with two_readers(Scenario.CALM) as (world, own, starling):
            first, second = Ledger(), Ledger()
            held = world.hold("checking", -world.history.row(0).amount, "A long journey")
            await own.update(first)
            await starling.update(second)
            world.settle(held.external_id)
            await own.update(first)
            await starling.update(second)
            for ledger in (first, second):
                (row,) = [r for r in ledger.rows.values() if r.description == "A long journey"]
                assert (row.status, row.booked_on) == (Status.POSTED, world.today)
            linked = [row.pending_external_id for row in first.rows.values()]
            assert held.external_id in linked
            assert not any(row.pending_external_id for row in second.rows.values())

    asyncio.run(story())
