"""How a run is opened, and what its end leaves on its connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from penstock.db import connections, leases, runs
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.runs import RunRow, Tally
from penstock.domain import outcome
from penstock.domain.consent import WARNED_DAYS, ConsentState
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.limit import DAY, Limit, Scope, quota
from penstock.domain.outcome import DONE, Ending, Outcome
from penstock.engine.opening import Bounds, Opening, open_run
from penstock.engine.record import Closing, close
from tests.databases import Database, Databases
from tests.db.books import NOW, Books, open_books

EVERY = timedelta(hours=6)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    """Make one database for all of these tests: each makes a person of its own in it."""
    with databases.fresh() as database:
        yield database


@dataclass(slots=True)
class Desk:
    """One connection, whose runs are opened and closed."""

    books: Books
    owner: int
    number: int

    def begin(self, at: datetime = NOW, trigger: str = "person") -> tuple[Lease, int] | None:
        """Open a run, if the lease is free."""
        opening = Opening(
            connection_id=self.number,
            holder=f"{at}",
            trigger=trigger,
            request_id="r-1",
            from_start=False,
            now=at,
            until=at + MINUTE,
            bounds=Bounds(),
        )
        opened = self.books.database.write_now(open_run, opening)
        return (opened.lease, opened.run_id) if opened else None

    def end(
        self,
        begun: tuple[Lease, int] | None,
        ending: Ending = DONE,
        at: datetime = NOW,
        requests: int = 1,
        inserted: int = 3,
        limits: Sequence[Limit] = (),
    ) -> bool:
        """Close a run; return whether there is to be one more."""
        assert begun is not None
        tally = Tally(pages=2, requests=requests, inserted=inserted)
        closing = Closing(*begun, ending, tally, NOW, limits)
        return self.books.database.write_now(close, closing, every=EVERY, chance=0.0, now=at)

    def run(self, ending: Ending, **more: Any) -> ConnectionRow:
        """Open and close a run; return how that left the connection."""
        self.end(self.begin(), ending, **more)
        return self.row()

    def row(self) -> ConnectionRow:
        """Return the connection."""
        return self.books.database.read_now(connections.get, self.number)

    def record(self, number: int) -> RunRow:
        """Return a run's record."""
        return self.books.database.read_now(runs.get, number, owner_id=self.owner)


@contextmanager
def desk(database: Database, **columns: Any) -> Iterator[Desk]:
    """Open a desk with one connection that looks like this."""
    with open_books(database.url) as books:
        owner = books.person()
        yield Desk(books, owner, books.connection(owner, **columns))


def test_a_run_is_written_down_from_its_beginning(database: Database) -> None:
    """sync.md 31: why, on whose request, since when, how it ended and with what it counted."""
    with desk(database) as it:
        begun = it.begin()
        assert begun is not None
        opened = it.record(begun[1])
        assert (opened.trigger, opened.request_id, opened.outcome) == ("person", "r-1", "running")
        assert (opened.started_at, opened.finished_at) == (NOW, None)
        assert not it.end(begun, outcome.contract_broken("nonsense"), NOW + MINUTE)
        ended = it.record(begun[1])
        assert (ended.outcome, ended.message, ended.remedy_kind) == (
            "contract",
            "nonsense",
            "fix_code",
        )
        assert ended.finished_at == NOW + MINUTE
        assert (ended.tally.pages, ended.tally.inserted) == (2, 3)
        assert it.row().last_run_id == begun[1]


def test_who_comes_while_it_runs_opens_no_run(database: Database) -> None:
    """sync.md 20: one run at a time; the wish is kept in the database, and served once."""
    with desk(database) as it:
        begun = it.begin()
        assert it.begin() is None
        assert it.end(begun) is True
        assert it.row().sync_requested_at == NOW
        assert it.end(it.begin()) is False
        assert it.row().sync_requested_at is None


def test_a_run_that_failed_is_not_followed_at_once(database: Database) -> None:
    """sync.md 22: what was asked for while it failed waits for its backoff like everything else."""
    with desk(database) as it:
        begun = it.begin()
        assert it.begin() is None
        assert it.end(begun, outcome.transient("down")) is False
        row = it.row()
        assert (row.sync_requested_at, row.next_sync_at) == (None, NOW + 5 * MINUTE)


def test_what_died_is_marked_when_the_next_begins(database: Database) -> None:
    """sync.md 31: a run that nobody closed is interrupted, and says that nothing is half stored."""
    with desk(database) as it:
        dead = it.begin()
        later = it.begin(NOW + 2 * MINUTE)
        assert dead is not None
        assert later is not None
        marked = it.record(dead[1])
        assert (marked.outcome, marked.finished_at) == ("interrupted", NOW + 2 * MINUTE)
        assert it.record(later[1]).outcome == "running"


def test_who_lost_the_lease_closes_only_its_own_record(database: Database) -> None:
    """sync.md 20: the connection belongs to the other worker: its state is not touched."""
    with desk(database) as it:
        late = it.begin()
        quick = it.begin(NOW + 2 * MINUTE)
        assert late is not None
        assert it.end(late, outcome.consent_needed("gone", ConsentState.REVOKED)) is False
        assert it.record(late[1]).outcome == "consent"
        row = it.row()
        assert (row.consent, row.last_run_id, row.failures) == (ConsentState.ACTIVE, None, 0)
        it.end(quick)
        assert it.row().last_outcome == "done"


def test_failures_are_counted_in_a_row(database: Database) -> None:
    """sync.md 22: each one later than the last; success forgets them, a kept bar adds none."""
    barred = outcome.throttled("wait", NOW + MINUTE)
    with desk(database) as it:
        assert it.run(outcome.transient("down")).failures == 1
        row = it.run(outcome.partial("less"))
        assert (row.failures, row.next_sync_at) == (2, NOW + 10 * MINUTE)
        assert it.run(barred, requests=0).failures == 2
        assert it.run(barred).failures == 3
        assert it.run(DONE).failures == 0


def test_clicks_in_a_row_leave_the_pace_alone(database: Database) -> None:
    """Ten quiet looks within a minute do not slow it down, ten with news do not speed it up."""
    with desk(database) as it:
        at = NOW
        for inserted in (0, 3):
            for _ in range(10):
                at += timedelta(seconds=6)
                assert it.run(DONE, at=at, inserted=inserted).pace_seconds == EVERY.seconds
        at += EVERY
        assert it.run(DONE, at=at, inserted=0).pace_seconds == EVERY.seconds * 1.25


@pytest.mark.parametrize(
    "ending", [outcome.contract_broken("x"), Ending(Outcome.CURSOR_LOST, "x")], ids=str
)
def test_what_waiting_does_not_mend_is_tried_less_and_less(
    database: Database, ending: Ending
) -> None:
    """sync.md 22, 23: later with each failure, and never beyond what the bank allows a day."""
    with desk(database) as it:
        due = [it.run(ending).next_sync_at for _ in range(4)]
        assert due == [NOW + EVERY * n for n in (1, 2, 4, 4)]
        twice = [quota(9, scope=Scope.CONNECTION)]
        row = it.run(ending, requests=4, limits=twice)
        assert row.next_sync_at is not None
        assert row.next_sync_at >= NOW + DAY / 2
    with desk(database) as it:
        row = it.run(ending, requests=4, limits=twice)
        assert row.next_sync_at is not None
        assert row.next_sync_at >= NOW + DAY / 2


def test_a_quota_of_the_app_is_shared(database: Database) -> None:
    """sync.md 23: by all connections of the connector that are synced by themselves."""
    shared = [quota(60, scope=Scope.APP)]
    with desk(database, connector="shared") as it:
        others = [it.books.connection(it.owner, connector="shared") for _ in range(4)]
        assert len(others) == 4
        it.books.connection(it.owner, connector="shared", disconnected_at=NOW)
        row = it.run(DONE, requests=6, limits=shared)  # ten a day, two for each of the five
        assert row.next_sync_at is not None
        assert NOW + DAY / 2 <= row.next_sync_at < NOW + DAY


def test_success_is_dated_and_failure_is_not(database: Database) -> None:
    """sync.md 21: throttled or not ready is no success: what is shown stays as old as it is."""
    before = NOW - EVERY
    endings = [
        outcome.transient("x"),
        outcome.throttled("x", NOW + MINUTE),
        outcome.not_ready(NOW + MINUTE),
        outcome.partial("x"),
        outcome.contract_broken("x"),
        outcome.consent_needed("x", ConsentState.EXPIRED),
        Ending(Outcome.CURSOR_LOST, "x"),
    ]
    with desk(database, last_success_at=before) as it:
        for ending in endings:
            row = it.run(ending)
            assert (row.last_outcome, row.last_success_at) == (ending.outcome, before)
            kind = ending.remedy.kind if ending.remedy else None
            assert row.remedy_kind == kind
        row = it.run(DONE)
        assert (row.last_success_at, row.remedy_kind) == (NOW, None)


@pytest.mark.parametrize("state", [s for s in ConsentState if s is not ConsentState.ACTIVE])
def test_a_consent_that_ended_is_said_until_it_works_again(
    database: Database, state: ConsentState
) -> None:
    """sync.md 21, 26: the state stays through other endings, with nothing due; success ends it."""
    with desk(database) as it:
        row = it.run(outcome.consent_needed("The bank says no.", state))
        assert (row.consent, row.next_sync_at, row.remedy_kind) == (state, None, "ask_person")
        assert it.run(outcome.transient("down")).consent is state
        row = it.run(DONE)
        assert (row.consent, row.next_sync_at) == (ConsentState.ACTIVE, NOW + EVERY)


def test_a_consent_is_warned_of_two_weeks_ahead(database: Database) -> None:
    """sync.md 26: expiring is said with its day, or "soon" where only the bank warns."""
    ends = NOW + timedelta(days=max(WARNED_DAYS))
    assert WARNED_DAYS == (1, 7, 14)
    with desk(database, consent_expires_at=ends + MINUTE) as it:
        row = it.run(DONE)
        assert (row.consent, row.remedy_text) == (ConsentState.ACTIVE, None)
        row = it.run(Ending(Outcome.DONE, consent=ConsentState.EXPIRING))
        assert row.consent is ConsentState.EXPIRING
        assert "soon" in (row.remedy_text or "")
        assert it.run(DONE).consent is ConsentState.ACTIVE
    with desk(database, consent_expires_at=ends) as it:
        row = it.run(DONE)
        assert (row.consent, row.remedy_kind) == (ConsentState.EXPIRING, "ask_person")
        assert f"{ends:%Y-%m-%d}" in (row.remedy_text or "")
        assert row.next_sync_at == NOW + EVERY


def test_only_what_is_there_and_connected_begins(database: Database) -> None:
    """O9: a disconnected connection opens no run and takes no lease, an unknown is not found."""
    with desk(database, disconnected_at=NOW) as it:
        with pytest.raises(Conflict):
            it.begin()
        ours = leases.leases.select().where(leases.leases.c.connection_id == it.number)
        (lease,) = it.books.database.read_now(lambda one: one.execute(ours).all())
        assert lease.holder is None
        it.number += 1_000
        with pytest.raises(NotFound):
            it.begin()
