"""How a run is opened and closed, beside others that do the same."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from penstock.db import leases
from penstock.db.runs import Tally
from penstock.domain.outcome import DONE
from penstock.engine.record import Closing, Opening, close, open_run
from tests.databases import Database
from tests.db.books import open_books

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAITING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
SOONER = sa.text("SET LOCAL deadlock_timeout = '100ms'")


def opening(connection_id: int, holder: str, now: datetime) -> Opening:
    """Return a run that wants to begin, for half a minute."""
    return Opening(connection_id, holder, "test", None, now, now + timedelta(seconds=30))


def test_who_closes_and_who_takes_over_do_not_lock_each_other_out(
    postgres_database: Database,
) -> None:
    """sync.md 19, 20: the lease is locked first, also by the one who comes too late to have it."""
    with open_books(postgres_database.url) as books, ThreadPoolExecutor(1) as other:
        database = books.database
        number = books.connection(books.person())
        opened = database.write_now(open_run, opening(number, "first", NOW))
        assert opened is not None
        _, lease, run_id = opened
        closing = Closing(lease, run_id, DONE, Tally(), NOW)

        def take_over(connection: sa.Connection) -> Future[bool]:
            connection.execute(SOONER)
            later = NOW + timedelta(minutes=1)
            leases.take(connection, number, holder="second", now=later, until=later)
            late = other.submit(
                database.write_now, close, closing, every=timedelta(1), chance=0.0, now=later
            )
            while not database.read_now(lambda watching: watching.scalar(WAITING)):
                assert not late.done()
            connection.execute(sa.text("UPDATE runs SET outcome = 'interrupted'"))
            return late

        assert database.write_now(take_over).result() is False
