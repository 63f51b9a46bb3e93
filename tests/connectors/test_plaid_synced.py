"""Plaid through the whole engine: renewed, ended, and synced through whatever goes wrong."""

import pytest

from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Options
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House, house, play
from tests.engine.linking import at_home


def test_a_login_that_plaid_wants_again_is_renewed_in_place(database: Database) -> None:
    """sync.md 26: the same connection, Item, accounts, cursor and ids; nothing is doubled."""

    async def story(home: House) -> None:
        number = await home.link(connector="plaid")
        await home.sync(number)
        assert await home.rows() == home.truth()
        (grant,) = home.bank.authority.grants
        grant.state = ConsentState.LOGIN_REQUIRED
        ending, _ = await home.sync(number)
        assert ending.consent is ConsentState.LOGIN_REQUIRED
        home.step()
        assert await home.link(connector="plaid", renew=number) == number
        assert home.bank.authority.grants == [grant]
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.pages) == ("done", 1)
        assert await home.rows() == home.truth()

    at_home(database, story)


@pytest.mark.parametrize("state", [ConsentState.EXPIRED, ConsentState.REVOKED])
def test_an_ended_consent_shows_as_what_it_is(database: Database, state: ConsentState) -> None:
    """sync.md 26: Plaid's reasons tell an expired consent from one that was taken back."""

    async def story(home: House) -> None:
        number = await home.link(connector="plaid")
        home.bank.authority.grants[0].state = state
        ending, _ = await home.sync(number)
        assert ending.consent is state

    at_home(database, story)


def test_a_disconnect_removes_the_item(database: Database) -> None:
    """Security, O9: the access ends at Plaid too, and an Item that is gone already is no error."""

    async def story(home: House) -> None:
        for gone in (False, True):
            number = await home.link(connector="plaid")
            if gone:
                home.expire_access()
            ended = await home.penstock.forgetter.disconnect(
                number, owner_id=home.owner_id, delete=False
            )
            assert ended.revoked
        assert home.bank.authority.grants[0].state is ConsentState.REVOKED

    at_home(database, story)


@pytest.mark.parametrize(
    "scenario",
    [Scenario.RATE_LIMITED, Scenario.FLAKY, Scenario.PENDING, Scenario.REMOVED],
)
def test_scenarios_end_in_the_truth(database: Database, scenario: Scenario) -> None:
    """sync.md 7, 10, 12, 22: whatever goes wrong at the bank, the ledger is the bank's."""

    async def story(home: House) -> None:
        number = await home.link(scenario, connector="plaid")
        for _ in range(6):
            await home.sync(number)
        assert await home.rows() == home.truth(scenario)

    at_home(database, story)


def test_rows_that_move_between_two_pages(database: Database) -> None:
    """sync.md 3: Plaid says so, and the update begins again at the cursor of its first page."""

    async def story() -> None:
        async with house(database.url, Options(transactions=1_200)) as home:
            number = await home.link(Scenario.MUTATION, connector="plaid")
            ending, run = await home.sync(number)
            assert ending.outcome is Outcome.DONE
            assert run.tally.restarts > 0
            assert await home.rows() == home.truth(Scenario.MUTATION)

    play(story())


def test_a_cursor_that_plaid_forgot(database: Database) -> None:
    """sync.md 27: everything is read from the beginning, and every row is the one it was."""

    async def story(home: House) -> None:
        number = await home.link(connector="plaid")
        await home.sync(number)
        home.bank.desk("ada", Scenario.CALM).cursors.forget()
        home.step()
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.inserted) == (Outcome.DONE, 2)
        assert await home.rows() == home.truth()

    at_home(database, story)


def test_an_item_that_is_not_ready(database: Database) -> None:
    """sync.md 1: an empty cursor is neither stored nor success; later everything is there."""

    async def story(home: House) -> None:
        number = await home.link(connector="plaid")
        home.bank.queue(Fault(FaultKind.NOT_READY), place=Place.TRANSACTIONS)
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.NOT_READY
        assert await home.rows() == {}
        await home.sync(number)
        assert await home.rows() == home.truth()

    at_home(database, story)
