"""MX through the whole engine: renewed, ended, and synced through whatever goes wrong."""

from decimal import Decimal

import pytest

from penstock.db.transactions import transactions
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.sandbox import steps
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.mx_shapes import guid, row_guid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House, house, play
from tests.engine.linking import at_home

Rows = dict[str, tuple[str, str, str, str]]


def truth(home: House, scenario: Scenario = Scenario.CALM) -> Rows:
    """Return what stands at the bank, by MX's names."""
    return {
        row_guid(row): (
            guid("ACT", row.account),
            row.status.value,
            str(row.amount),
            row.description,
        )
        for row in home.bank.desk("ada", scenario).world.live()
    }


async def synced(home: House, number: int, scenario: Scenario = Scenario.CALM) -> None:
    """Sync, well, to the truth."""
    ending, _ = await home.sync(number)
    assert ending.outcome is Outcome.DONE, ending
    assert await home.rows() == truth(home, scenario)


def test_what_settles_what_goes_and_what_returns(database: Database) -> None:
    """sync.md 10, 12, 14, 30: a settled row is the row it was, one not told any more has gone."""

    async def story(home: House) -> None:
        number, world = await home.link(connector="mx"), home.bank.world
        await synced(home, number)
        held = world.hold("checking", Decimal("-40.00"), "Hotel")
        posted = world.post("checking", Decimal("-3.00"), "Tea")
        await synced(home, number)
        before = await number_of(home, row_guid(held))
        world.advance(3)
        world.settle(held.external_id, Decimal("-45.00"))
        world.remove(posted.external_id)
        await synced(home, number)
        assert await number_of(home, row_guid(held)) == before
        world.advance(1)
        world.revive(posted.external_id)
        await synced(home, number)
        assert await home.tie_out() == {"ok"}

    at_home(database, story)


async def number_of(home: House, external_id: str) -> list[int]:
    """Return the numbers of all rows, also of those that are gone, with an id."""
    t = transactions.c
    query = transactions.select().where(t.external_id == external_id)
    return [row.id for row in await home.all(query)]


def test_a_pending_row_that_is_posted_under_another_guid_stays_one_row(database: Database) -> None:
    """sync.md 10: nothing tells of it; account, amount and day leave no doubt."""

    async def story(home: House) -> None:
        number, world = await home.link(connector="mx"), home.bank.world
        held = world.hold("checking", Decimal("-41.17"), "Garage")
        await synced(home, number)
        before = await number_of(home, row_guid(held))
        world.advance(2)
        world.remove(held.external_id)
        made = world.post("checking", Decimal("-41.17"), "Garage")
        await synced(home, number)
        assert await number_of(home, row_guid(made)) == before

    at_home(database, story)


def test_an_old_row_that_changes_is_told(sqlite_database: Database) -> None:
    """It lies before the months that are read again: the day of its change finds it."""

    async def story() -> None:
        async with house(sqlite_database.url, Options(transactions=120)) as home:
            number, world = await home.link(connector="mx"), home.bank.world
            await synced(home, number)
            world.amend("tx-ada-00000000", description="Other words")
            assert (world.today - world.plan.first_day).days > 200
            await synced(home, number)

    play(story())


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_any_moves_end_in_the_truth(sqlite_database: Database, seed: int) -> None:
    """sync.md 7, 12, 14: of the last three months nothing is lost, doubled, or left over."""

    async def story() -> None:
        async with house(sqlite_database.url, Options(transactions=40)) as home:
            number = await home.link(connector="mx")
            for turn in range(5):
                await synced(home, number)
                steps.wandering(seed + turn, 15)(home.bank.world)

    play(story())


def test_a_login_that_mx_wants_again_is_renewed_in_place(database: Database) -> None:
    """sync.md 26: the same connection, login, accounts, cursor and names; nothing is doubled."""

    async def story(home: House) -> None:
        number = await home.link(connector="mx")
        await synced(home, number)
        (grant,) = home.bank.authority.grants
        grant.state = ConsentState.LOGIN_REQUIRED
        ending, _ = await home.sync(number)
        assert ending.consent is ConsentState.LOGIN_REQUIRED
        assert (
            ending.message == "MX says CHALLENGED: the bank has a question for you, such as a code."
        )
        home.step()
        assert await home.link(connector="mx", renew=number) == number
        assert home.bank.authority.grants == [grant]
        await synced(home, number)

    at_home(database, story)


def test_a_disconnect_deletes_the_login(database: Database) -> None:
    """Security, O9: login and user end at MX too, and what is gone already is no error."""

    async def story(home: House) -> None:
        for gone in (False, True):
            number = await home.link(connector="mx")
            grant = home.bank.authority.grants[-1]
            if gone:
                home.bank.authority.end(grant, ConsentState.REVOKED)
            ended = await home.penstock.forgetter.disconnect(
                number, owner_id=home.owner_id, delete=False
            )
            assert ended.revoked
            assert grant.state is ConsentState.REVOKED

    at_home(database, story)


@pytest.mark.parametrize(
    "scenario",
    [Scenario.RATE_LIMITED, Scenario.FLAKY, Scenario.PENDING, Scenario.REMOVED],
)
def test_scenarios_end_in_the_truth(database: Database, scenario: Scenario) -> None:
    """sync.md 7, 10, 12, 22: whatever goes wrong at the bank, the ledger is the bank's."""

    async def story(home: House) -> None:
        number = await home.link(scenario, connector="mx")
        for _ in range(6):
            await home.sync(number)
        assert await home.rows() == truth(home, scenario)

    at_home(database, story)


def test_rows_that_move_between_two_pages(database: Database) -> None:
    """sync.md 3: the numbers of rows are as before, but the login tells of another reading."""

    async def story() -> None:
        async with house(database.url, Options(transactions=1_200)) as home:
            number = await home.link(Scenario.MUTATION, connector="mx")
            ending, run = await home.sync(number)
            assert ending.outcome is Outcome.DONE, ending
            assert run.tally.restarts == 2
            assert await home.rows() == truth(home, Scenario.MUTATION)

    play(story())


def test_a_job_that_is_refused(sqlite_database: Database) -> None:
    """409: what there is is stored, and the sync is no success: nothing looks fresh."""

    async def story(home: House) -> None:
        number = await home.link(connector="mx")
        await synced(home, number)
        home.step()
        busy = Fault(FaultKind.SERVER_ERROR, status=409)
        home.bank.queue(Fault(FaultKind.SLOW), place=Place.ACCOUNTS)  # the login is looked at first
        home.bank.queue(busy, place=Place.ACCOUNTS)
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.PARTIAL
        assert "MX was busy" in (ending.message or "")
        await synced(home, number)

    at_home(sqlite_database, story)
