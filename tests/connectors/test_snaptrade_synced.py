"""SnapTrade through the whole engine: linked, synced through trouble, renewed, ended."""

import pytest

from penstock.db import budgets
from penstock.db.runs import RunRow
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import Status
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.snaptrade_shapes import uid
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House, house, play
from tests.engine.linking import at_home

Rows = dict[str, tuple[str, str, str]]


def truth(home: House, scenario: Scenario = Scenario.CALM) -> Rows:
    """Return the booked rows, as SnapTrade tells them."""
    return {
        uid(row.external_id): (row.status.value, str(row.amount), row.description)
        for row in home.bank.desk("ada", scenario).world.truth().transactions
        if row.status is Status.POSTED
    }


async def rows(home: House) -> Rows:
    """Return the standing rows."""
    return {name: row[1:] for name, row in (await home.rows()).items()}


async def synced(home: House, number: int) -> RunRow:
    """Sync, well, a minute after whatever was asked before: an account has ten requests in each."""
    await home.penstock.database.write(lambda one: one.execute(budgets.budgets.delete()))
    ending, run = await home.sync(number)
    assert ending.outcome is Outcome.DONE, ending
    return run


def test_it_is_read_again_and_again(database: Database) -> None:
    """sync.md 7, 12: what comes, what is taken back, and nothing written where nothing is new."""

    async def story(home: House) -> None:
        number = await home.link(connector="snaptrade")
        for _ in range(3):
            await synced(home, number)
            assert await rows(home) == truth(home)
            home.step()
        await synced(home, number)
        run = await synced(home, number)
        assert (run.tally.inserted, run.tally.changed, run.tally.removed) == (0, 0, 0)

    at_home(database, story)


@pytest.mark.parametrize(
    "scenario", [Scenario.RATE_LIMITED, Scenario.FLAKY, Scenario.REMOVED, Scenario.MUTATION]
)
def test_scenarios_end_in_the_truth(database: Database, scenario: Scenario) -> None:
    """sync.md 3, 12, 22: whatever goes wrong, the ledger is the bank's in the end."""

    async def story(home: House) -> None:
        number = await home.link(scenario, connector="snaptrade")
        for _ in range(4):
            await synced(home, number)
        assert await rows(home) == truth(home, scenario)

    at_home(database, story)


def test_rows_that_move_between_pages_start_the_update_over(database: Database) -> None:
    """sync.md 3: counted as a restart; nothing lost, nothing twice."""

    async def story() -> None:
        async with house(database.url, Options(transactions=2400, page_size=5)) as home:
            number = await home.link(Scenario.MUTATION, connector="snaptrade")
            ending, run = await home.sync(number)
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 1), ending
            assert await rows(home) == truth(home, Scenario.MUTATION)

    play(story())


def test_ids_that_change_keep_their_rows(database: Database) -> None:
    """sync.md 11: rows that SnapTrade gathered anew, under new ids, are the rows they were."""

    async def story(home: House) -> None:
        number = await home.link(Scenario.REKEY, connector="snaptrade")
        for _ in range(3):
            await synced(home, number)
        run = await synced(home, number)
        assert await rows(home) == truth(home, Scenario.REKEY)
        assert run.tally.inserted == 0

    at_home(database, story)


def test_a_personal_key_is_synced_too(database: Database) -> None:
    """The second way in leads to the same rows."""

    async def story(home: House) -> None:
        number = await home.paste("snaptrade")
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE, ending
        assert await rows(home) == truth(home)

    at_home(database, story)


def test_a_dead_grant_asks_the_person(database: Database) -> None:
    """sync.md 25, 26: 401, a refused refresh, and the person consents again in its place."""

    async def story(home: House) -> None:
        number = await home.link(connector="snaptrade")
        await home.sync(number)
        (grant,) = home.bank.authority.grants
        home.bank.authority.end(grant, ConsentState.REVOKED)
        ending, _ = await home.sync(number)
        assert ending.consent is ConsentState.LOGIN_REQUIRED
        home.step()
        assert await home.link(connector="snaptrade", renew=number) == number
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE
        assert await rows(home) == truth(home)

    at_home(database, story)


def test_an_expired_token_is_renewed_and_a_disconnect_revokes(database: Database) -> None:
    """sync.md 25, O9: the refresh finds its address by itself, and so does the revocation."""

    async def story(home: House) -> None:
        number = await home.link(connector="snaptrade")
        home.expire_access()
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE
        assert home.bank.authority.grants[0].refreshes == 1
        ended = await home.penstock.forgetter.disconnect(
            number, owner_id=home.owner_id, delete=False
        )
        assert ended.revoked
        assert home.bank.authority.grants[0].state is ConsentState.REVOKED

    at_home(database, story)


def test_a_disabled_connection_does_not_look_well(database: Database) -> None:
    """What comes is stored, and the sync says that it is not all."""

    async def story(home: House) -> None:
        number = await home.link(connector="snaptrade")
        home.bank.authority.grants[0].state = ConsentState.LOGIN_REQUIRED
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.PARTIAL
        assert "dashboard.snaptrade.com" in (ending.message or "")
        assert await rows(home) == truth(home)

    at_home(database, story)
