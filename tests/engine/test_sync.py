"""A sync keeps its promises against a real bank over HTTP, on both databases (sync.md)."""

import asyncio

from penstock.db import cursors, leases, runs
from penstock.db.balances import balances
from penstock.db.credentials import credentials
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.sandbox.faults import Fault, FaultKind
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import house, play


def counts(run: runs.RunRow) -> tuple[int, int, int, int, int]:
    """Return inserted, changed, unchanged, removed, paired."""
    tally = run.tally
    return tally.inserted, tally.changed, tally.unchanged, tally.removed, tally.paired


def test_the_main_job(database: Database) -> None:
    """15 rows over 3 pages; all again, nothing written; then the difference, tied out each time."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            ending, first = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert (first.tally.pages, counts(first)) == (3, (15, 0, 0, 0, 0))
            assert await home.rows() == home.truth()
            assert await home.tie_out() == {"ok"}

            _, second = await home.sync(connection, from_start=True)
            assert (second.tally.pages, counts(second)) == (3, (0, 0, 15, 0, 0))

            home.step()
            _, third = await home.sync(connection)
            assert counts(third) == (2, 0, 0, 1, 1)
            assert await home.rows() == home.truth()
            assert await home.tie_out() == {"ok"}

            _, fourth = await home.sync(connection)
            assert counts(fourth) == (0, 0, 0, 0, 0)

    play(story())


def test_rows_of_an_unfinished_update_are_never_visible(database: Database) -> None:
    """sync.md 2, 3: an update that breaks off on its last page stores no row, moves no cursor."""

    async def story() -> None:
        async with house(database.url, wait_at_most_seconds=0) as home:
            connection = await home.link()
            run = await home.penstock.syncer.start(connection, trigger="test")
            assert run is not None
            finishing = asyncio.create_task(run.finish())
            while run.tally.pages < 2:
                await asyncio.sleep(0)
            home.bank.queue(Fault(FaultKind.SERVER_ERROR), times=50)
            ending, _ = await finishing
            assert ending.outcome is Outcome.TRANSIENT
            assert await home.rows() == {}
            assert await home.all(cursors.cursors.select()) == []

    play(story())


def test_a_second_trigger_runs_it_once_more(database: Database) -> None:
    """sync.md 20: one lease a connection; a trigger while it runs makes it run once more."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            syncer = home.penstock.syncer
            run = await syncer.start(connection, trigger="test")
            assert run is not None
            assert await syncer.start(connection, trigger="test") is None
            _, again = await run.finish()
            assert again
            after = await syncer.start(connection, trigger="test")
            assert after is not None
            assert (await after.finish())[1] is False

    play(story())


def test_a_worker_that_lost_its_lease_commits_nothing(database: Database) -> None:
    """sync.md 20: who slept past the lease finds a larger fence, and its commit changes nothing."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            slow = await home.penstock.syncer.start(connection, trigger="slow")
            assert slow is not None
            await home.penstock.database.write(leases.seize, connection)
            quick = await home.penstock.syncer.start(connection, trigger="quick")
            assert quick is not None
            ending, _ = await slow.finish()
            assert ending.outcome is Outcome.TRANSIENT
            assert await home.rows() == {}
            ending, _ = await quick.finish()
            assert ending.outcome is Outcome.DONE
            assert await home.rows() == home.truth()

    play(story())


def test_a_run_that_a_crash_left_behind_is_picked_up(database: Database) -> None:
    """sync.md 20, 31: a run whose worker died is marked interrupted; its connection runs again."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            dead = await home.penstock.syncer.start(connection, trigger="dead")
            assert dead is not None
            await home.penstock.database.write(leases.seize, connection)
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert (await home.run(dead.run_id)).outcome == runs.INTERRUPTED

    play(story())


def test_an_ended_access_token_is_renewed(database: Database) -> None:
    """sync.md 25: after a 401 the token is renewed once, stored before its use, and all goes on."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            (before,) = await home.all(credentials.select())
            home.expire_access()
            ending, run = await home.sync(connection)
            assert (ending.outcome, run.tally.refreshes) == (Outcome.DONE, 1)
            (after,) = await home.all(credentials.select())
            assert after.version == before.version + 1
            assert after.access != before.access
            assert await home.rows() == home.truth()

    play(story())


def test_a_forgotten_cursor_starts_over_with_identities_kept(database: Database) -> None:
    """sync.md 27: cursor not associated: everything is read again, and nothing is doubled."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            await home.sync(connection)
            numbers = {row.id for row in await home.all(transactions.select())}
            home.bank.desk("ada", Scenario.CALM).cursors.forget()
            ending, run = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert counts(run) == (0, 0, 15, 0, 0)
            assert {row.id for row in await home.all(transactions.select())} == numbers

    play(story())


def test_balances_are_appended(database: Database) -> None:
    """sync.md 17: balances are appended with their instant; what was heard is not repeated."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            await home.sync(connection)
            first = len(await home.all(balances.select()))
            home.step()
            await home.sync(connection)
            rows = await home.all(balances.select())
            assert len(rows) > first
            assert len({(r.account_id, r.kind, r.currency, r.as_of) for r in rows}) == len(rows)

    play(story())
