"""What MX says of holdings: text for how many, numbers for what they are worth."""

import asyncio
from typing import Any

import pytest

from penstock.connectors.mx import NOT_YET
from penstock.connectors.mx_holdings import WHAT as HOLDINGS
from penstock.connectors.mx_holdings import parse_holdings
from penstock.domain.errors import ContractBroken, RowsMoved
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.update import Stream
from penstock.sandbox.faces.mx_shapes import guid
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import connector_at, link
from tests.connectors.mx_samples import (
    ACCOUNT,
    CHECKING,
    CONNECTOR,
    CURRENCIES,
    Bank,
    login,
    one_after_another,
    paged,
)
from tests.sandbox.visitor import NOON, visiting

HELD: dict[str, Any] = {
    "guid": "HOL-1",
    "account_guid": CHECKING,
    "quantity": "5000.10",
    "holding_type": "MUTUAL_FUND",
    "description": "Mill Index Fund",
    "symbol": "MILL",
    "currency_code": None,
    "current_price": 15.125,
    "market_value": 75626.5125,
    "cost_basis": 827,
}
BROKER = {**ACCOUNT, "type": "INVESTMENT"}


def seen(**changes: Any) -> HoldingSeen:
    """Return the one holding of a page."""
    told = paged("investment_holdings", [{**HELD, **changes}])
    return parse_holdings(told, CURRENCIES, NOON).seen[0]


def test_a_holding() -> None:
    """The quantity is a text, the rest are numbers; without a currency it is in its account's."""
    held = seen()
    assert (held.account, held.external_id, held.type) == (CHECKING, "HOL-1", SecurityType.FUND)
    assert (str(held.quantity), held.currency, held.symbol) == ("5000.1", "USD", "MILL")
    assert [str(each) for each in (held.price, held.value, held.cost_basis)] == [
        "15.125",
        "75626.5125",
        "827.00",
    ]


def test_what_mx_does_not_know_is_not_made_up() -> None:
    """No price, no value, no kind that we know."""
    held = seen(current_price=None, market_value=None, holding_type=None, description=None)
    assert (held.price, held.value, held.type, held.name) == (
        None,
        None,
        SecurityType.OTHER,
        "MILL",
    )


@pytest.mark.parametrize(
    "changes",
    [
        *({"quantity": each} for each in (None, 5000, "", "many", "1e9", "NaN", "1.2.3")),
        *({"guid": each} for each in (None, "", "0")),
        {"currency_code": "?"},
        {"account_guid": "ACT-9"},
        {"market_value": "x"},
    ],
)
def test_garbage_is_refused_by_name(changes: dict[str, Any]) -> None:
    """What cannot be read is never half of what is held."""
    with pytest.raises(ContractBroken):
        seen(**changes)


def test_a_holding_that_moves_between_pages() -> None:
    """A job of MX's own in between, or none that has ended yet: nothing is said of what is held."""
    stream = Stream(HOLDINGS, (CHECKING,))
    told = {
        "accounts": paged("accounts", [BROKER]),
        "investment_holdings": paged("investment_holdings", [HELD]),
    }
    moved = one_after_another(login(), login(is_being_aggregated=True))
    with pytest.raises(RowsMoved):
        by_hand(CONNECTOR.pull(stream, None), Bank(status=moved, **told))
    works = login(is_being_aggregated=True)
    assert by_hand(CONNECTOR.pull(stream, None), Bank(status=works, **told))[0] == [NOT_YET]


def test_the_investors_world() -> None:
    """Through the face, every position is the bank's own, and is asked for of no one else."""

    async def story() -> None:
        async with visiting() as visitor:
            for scenario in (Scenario.INVESTED, Scenario.CALM):
                connector = connector_at("mx", visitor.bank.url)
                opened = await link(connector, visitor.bank, visitor.http, scenario)
                ledger, world = Ledger(), visitor.bank.desk("ada", scenario).world
                await Driver(connector, visitor.http, opened).update(ledger)
                held = [one for each in ledger.holdings.values() for one in each]
                assert {
                    (one.external_id, one.quantity, one.price, one.value, one.cost_basis, one.type)
                    for one in held
                } == {
                    (
                        guid("HOL", one.external_id),
                        *(one.quantity, one.price, one.value, one.cost_basis, one.type),
                    )
                    for one in world.holdings()
                }
                assert bool(held) is (scenario is Scenario.INVESTED)

    asyncio.run(story())
