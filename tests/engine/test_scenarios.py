"""A sync keeps its promises whatever the bank does: limits, faults, ended consents (sync.md)."""

import pytest

from penstock.db.connections import connections
from penstock.db.transactions import transactions
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Options
from penstock.sandbox.faults import Fault, FaultKind, Place, RetryAfter
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House, house, play


@pytest.mark.parametrize("how", list(RetryAfter))
def test_throttling_is_obeyed_and_counted(database: Database, how: RetryAfter) -> None:
    """sync.md 22: Retry-After in seconds, as a date or absent: waited for, counted, overcome."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            home.bank.queue(Fault(FaultKind.THROTTLED, retry_after=how), times=2)
            ending, run = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert (run.tally.throttled, run.tally.retries) == (2, 2)
            assert await home.rows() == home.truth()

    play(story())


def test_a_long_wait_is_stored_and_kept(database: Database) -> None:
    """sync.md 21, 22: a wait beyond patience ends the run as throttled; nobody asks before."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            home.bank.queue(Fault(FaultKind.THROTTLED, seconds=3600))
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.THROTTLED
            assert ending.until is not None
            asked = sum(home.bank.counters.values())
            again, run = await home.sync(connection)
            assert (again.outcome, again.until) == (Outcome.THROTTLED, ending.until)
            assert run.tally.requests == 0
            assert sum(home.bank.counters.values()) == asked
            (row,) = await home.all(connections.select())
            assert row.not_before == ending.until
            assert row.last_success_at is None

    play(story())


MOVING = (Scenario.PENDING, Scenario.REMOVED)
FAULTY = [
    Scenario.RATE_LIMITED,
    Scenario.FLAKY,
    Scenario.MUTATION,
    Scenario.GARBAGE,
    Scenario.TWINS,
    Scenario.FUTURE_DATED,
    Scenario.MANY_CURRENCIES,
    Scenario.INVESTED,
    Scenario.ROTATION_WITH_GRACE,
    Scenario.PENDING,
    Scenario.REMOVED,
]


@pytest.mark.parametrize("scenario", FAULTY)
def test_every_scenario_ends_at_the_truth(database: Database, scenario: Scenario) -> None:
    """sync.md 3, 8, 10, 12, 15, 22: whatever the bank does, what is stored ends as its truth."""

    async def story() -> None:
        async with house(
            database.url, Options(transactions=60, page_size=7, slow_seconds=0)
        ) as home:
            connection = await home.link(scenario)
            ending, _ = await home.sync(connection)
            for _ in range(11):
                await _forget_waits(home)
                ending, _ = await home.sync(connection)
            for grant in home.bank.authority.grants:  # some scenarios move the world each time
                grant.scenario = Scenario.CALM if scenario in MOVING else grant.scenario
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert await home.rows() == home.truth(scenario)
            assert await home.tie_out() <= {"ok", "settling"}

    play(story())


async def _forget_waits(home: House) -> None:
    """Pretend that the time to wait has passed."""
    statement = connections.update().values(not_before=None, next_sync_at=home.penstock.clock())
    await home.penstock.database.write(lambda connection: connection.execute(statement))


@pytest.mark.parametrize(
    ("scenario", "state"),
    [
        (Scenario.CONSENT_EXPIRED, ConsentState.EXPIRED),
        (Scenario.CONSENT_REVOKED, ConsentState.REVOKED),
    ],
)
def test_an_ended_consent_is_said_and_renewed_in_place(
    database: Database, scenario: Scenario, state: ConsentState
) -> None:
    """sync.md 21, 26: never retried on its own, it says what to do, and renewal doubles nothing."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link(scenario)
            await home.sync(connection)
            ending, _ = await home.sync(connection)
            assert (ending.outcome, ending.consent) == (Outcome.CONSENT, state)
            (row,) = await home.all(connections.select())
            assert (row.consent, row.remedy_kind) == (state, "ask_person")
            assert row.next_sync_at is None
            note = transactions.update().values(note="mine")
            await home.penstock.database.write(lambda one: one.execute(note))
            assert await home.link(renew=connection) == connection
            ending, run = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert run.tally.inserted == 0
            assert await home.rows() == home.truth()
            assert {row.note for row in await home.all(transactions.select())} == {"mine"}

    play(story())


def test_a_consent_that_ends_soon_warns(database: Database) -> None:
    """sync.md 26: expiring is said ahead, while everything still works."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link(Scenario.CONSENT_EXPIRING)
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            (row,) = await home.all(connections.select())
            assert (row.consent, row.remedy_kind) == (ConsentState.EXPIRING, "ask_person")

    play(story())


def test_garbage_is_never_half_stored(database: Database) -> None:
    """sync.md 8: a row that makes no sense is asked for again; nothing is skipped, or half."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            for _ in range(3):
                await home.sync(connection)
            home.step()
            home.bank.queue(Fault(FaultKind.WRONG_TYPE), place=Place.TRANSACTIONS)
            ending, run = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert (run.tally.restarts, run.tally.inserted) == (1, 2)
            assert run.tally.quarantined == 0
            assert await home.rows() == home.truth()

    play(story())
