"""A whole sync of a whole bank under an operator's rate: slower, and otherwise as ever."""

from penstock.db import budgets
from penstock.domain.outcome import Outcome
from tests.databases import Database
from tests.engine.house import house, play


def test_a_sync_under_a_rate_reads_everything(database: Database) -> None:
    """sync.md 23, 25: pages, balances and the token endpoint spend of it; nothing is lost."""

    async def story() -> None:
        async with house(database.url, provider_rates=("sandbox=500/s",)) as home:
            number = await home.link()
            home.expire_access()
            ending, run = await home.sync(number)
            assert ending.outcome is Outcome.DONE
            assert await home.rows() == home.truth()
            assert run.tally.refreshes == 1
            (row,) = await home.all(budgets.budgets.select())
            assert (row.key, row.calls, row.spaced) == ("sandbox:app:rate:1:", 500, True)
            assert row.next_at is not None

    play(story())


def test_a_sync_that_may_not_ask_any_more_comes_back(database: Database) -> None:
    """sync.md 22: under one call an hour the sync ends with the instant, and no row is shown."""

    async def story() -> None:
        async with house(database.url, provider_rates=("sandbox=1/h",)) as home:
            number = await home.link()
            ending, run = await home.sync(number)
            assert ending.outcome is Outcome.THROTTLED
            assert ending.until is not None
            assert run.tally.requests == 1
            assert await home.rows() == {}

    play(story())
