"""Several workers are forced onto one connection: nothing worse comes of it than vain work."""

from penstock.db.connections import connections
from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Options
from tests.databases import Database
from tests.engine.crowd import crowd
from tests.engine.house import house, play


def test_workers_that_take_a_connection_from_one_another_double_nothing(
    database: Database,
) -> None:
    """sync.md 20: four processes sync one connection at once, each believing the others dead.

    Whoever lost the fence commits nothing: every row is inserted by one run, once.
    """
    options = Options(transactions=60, page_size=5, latency_ms=3, access_seconds=10**6)

    async def story() -> None:
        async with house(database.url, options) as home:
            number = await home.link()
            told = await crowd(
                4,
                "tests.engine.acts.sync",
                url=database.url,
                bank_url=home.bank.url,
                connection_id=number,
                times=3,
            )
            ended = [tuple(one) for runs in told for one in runs]
            assert {outcome for outcome, _ in ended} <= {"done", "transient"}
            assert sum(inserted for _, inserted in ended) == len(home.truth())
            assert await home.rows() == home.truth()
            clear = connections.update().values(not_before=None)
            await home.penstock.database.write(lambda one: one.execute(clear))
            ending, run = await home.sync(number)
            assert (ending.outcome, run.tally.inserted) == (Outcome.DONE, 0)
            assert await home.rows() == home.truth()
            assert await home.tie_out() == {"ok"}

    play(story())
