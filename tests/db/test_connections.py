"""Which connections are due, and what a run leaves behind."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
import sqlalchemy as sa

from penstock.db import connections, leases, turns
from penstock.db.due import find
from penstock.domain.consent import ConsentState
from penstock.domain.errors import NotFound
from penstock.domain.remedy import ask_person
from tests.databases import Database
from tests.db.books import NOW, Books, open_books

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
OPEN = {ConsentState.ACTIVE, ConsentState.EXPIRING}


def due(books: Books, limit: int = 10_000, now: datetime = NOW) -> list[int]:
    """Return what is due."""
    found = books.database.read_now(find, now=now, limit=limit)
    return [one.connection_id for one in found]


def lease(books: Books, number: int, until: datetime) -> None:
    """Let a worker hold a connection until then."""
    books.database.write_now(leases.take, number, holder="worker", now=NOW - 9 * HOUR, until=until)


def test_what_is_due_and_what_is_not(database: Database) -> None:
    """sync.md 20, 21, 22: every mixture of asked for, next, not before, consent, end and lease.

    Due is what was asked for, whose time has come, or what a dead worker left behind; never what
    is being synced, is disconnected, needs the person, or that the bank wants left alone.
    """
    cases = product(
        (None, NOW - HOUR),
        (None, NOW, NOW + TICK),
        (None, NOW, NOW + TICK),
        ConsentState,
        (None, NOW - HOUR),
        (None, NOW - TICK, NOW),
    )

    def store(connection: sa.Connection, owner: int) -> dict[int, bool]:
        wanted = {}
        for asked, following, bar, consent, ended, leased in cases:
            row = connections.connections.insert().values(
                owner_id=owner,
                connector="sandbox",
                created_at=NOW,
                sync_requested_at=asked,
                next_sync_at=following,
                not_before=bar,
                consent=consent,
                disconnected_at=ended,
            )
            number = connection.execute(row.returning(connections.connections.c.id)).scalar_one()
            leases.open_lease(connection, number)
            if leased:
                leases.take(connection, number, holder="w", now=NOW - HOUR, until=leased)
            abandoned = leased is not None and leased < NOW
            wanted[number] = bool(
                (asked or following == NOW or abandoned)
                and leased != NOW
                and not ended
                and consent in OPEN
                and bar in (None, NOW)
            )
        return wanted

    with open_books(database.url) as books:
        wanted = books.database.write_now(store, books.person())
        found = set(due(books))
        assert {number: number in found for number in wanted} == wanted


def test_those_asked_for_come_first(database: Database) -> None:
    """sync.md 20: who waits in person is served before the schedule, the longest due first."""
    with open_books(database.url) as books:
        owner = books.person()
        late = books.connection(owner, next_sync_at=NOW - HOUR)
        later = books.connection(owner, next_sync_at=NOW - 2 * HOUR)
        asked = books.connection(owner, next_sync_at=NOW + HOUR)
        books.database.write_now(turns.request_sync, asked, now=NOW)
        assert due(books) == [asked, later, late]
        assert due(books, limit=2) == [asked, later]


def test_what_a_lost_lease_left_behind_is_due_again(database: Database) -> None:
    """sync.md 20, 29: a run that a crash ended is due when its lease has run out, not before.

    Also one that a person had asked for, hours before the next sync by itself.
    """
    with open_books(database.url) as books:
        number = books.connection(books.person(), next_sync_at=NOW + 5 * HOUR)
        lease(books, number, NOW)
        assert due(books) == []
        later = NOW + timedelta(seconds=1)
        assert due(books, now=later) == [number]
        books.database.write_now(leases.seize, number)
        assert due(books, now=later) == []


ENDING = turns.Ending(
    run_id=7,
    outcome="transient",
    failures=3,
    success=False,
    remedy=ask_person("Wait."),
    next_sync_at=NOW + HOUR,
    not_before=NOW + HOUR / 2,
)


def close(books: Books, number: int, ending: turns.Ending, began: datetime) -> None:
    """End a run that began then."""
    books.database.write_now(turns.close_run, number, ending, now=NOW, asked_before=began)


def test_how_a_run_leaves_its_connection(database: Database) -> None:
    """sync.md 21, 31: outcome, remedy, failures and the next time are said; success clears them."""
    with open_books(database.url) as books:
        number = books.connection(books.person(), last_success_at=NOW - HOUR)
        close(books, number, ENDING, NOW - HOUR)
        row = books.database.read_now(connections.get, number)
        assert (row.last_outcome, row.last_run_id, row.failures) == ("transient", 7, 3)
        assert (row.remedy_kind, row.remedy_text) == ("ask_person", "Wait.")
        assert (row.next_sync_at, row.not_before) == (NOW + HOUR, NOW + HOUR / 2)
        assert row.last_success_at == NOW - HOUR
        good = replace(
            ENDING, outcome="done", success=True, failures=0, remedy=None, not_before=None
        )
        close(books, number, good, NOW - HOUR)
        row = books.database.read_now(connections.get, number)
        assert (row.last_outcome, row.failures, row.remedy_kind) == ("done", 0, None)
        assert (row.last_success_at, row.not_before) == (NOW, None)


def test_a_wish_that_came_later_than_the_run_stays(database: Database) -> None:
    """sync.md 20: what was asked for before a run began is served by it, what came after is not."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(turns.request_sync, number, now=NOW - HOUR)
        close(books, number, ENDING, NOW - HOUR)
        assert books.database.read_now(connections.get, number).sync_requested_at is None
        books.database.write_now(turns.request_sync, number, now=NOW - HOUR / 2)
        close(books, number, ENDING, NOW - HOUR)
        asked = books.database.read_now(connections.get, number).sync_requested_at
        assert asked == NOW - HOUR / 2


def test_renewed_consent_wipes_the_slate(database: Database) -> None:
    """sync.md 26: consent given again is active, without remedy or failures, and due at once."""
    with open_books(database.url) as books:
        number = books.connection(
            books.person(),
            consent=ConsentState.EXPIRED,
            failures=4,
            not_before=NOW + HOUR,
            remedy_kind="ask_person",
            remedy_text="Renew.",
        )
        books.database.write_now(
            connections.renew, number, consent_expires_at=NOW + 90 * 24 * HOUR, now=NOW
        )
        row = books.database.read_now(connections.get, number)
        assert (row.consent, row.failures, row.not_before) == (ConsentState.ACTIVE, 0, None)
        assert (row.remedy_kind, row.remedy_text) == (None, None)
        assert row.consent_expires_at == NOW + 90 * 24 * HOUR
        assert due(books) == [number]


def test_a_strangers_connection_is_not_found(database: Database) -> None:
    """security.md X1: another person's connection is not told apart from none at all."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        stranger = books.person()
        messages = set()
        for one in (number, number + 10_000):
            with pytest.raises(NotFound) as caught:
                books.database.read_now(connections.get, one, owner_id=stranger)
            messages.add(caught.value.message)
        assert len(messages) == 1
        assert books.database.read_now(connections.some, [number], owner_id=stranger) == {}
        assert books.database.read_now(connections.page, owner_id=stranger) == []


def test_the_age_of_the_least_fresh(database: Database) -> None:
    """Metrics say for each connector how long its least fresh connection has been so."""
    with open_books(database.url) as books:
        owner = books.person()
        books.connection(owner, last_success_at=NOW - HOUR)
        books.connection(owner, last_success_at=NOW - 3 * HOUR)
        books.connection(owner, last_success_at=NOW - 9 * HOUR, disconnected_at=NOW)
        books.connection(owner, connector="starling", created_at=NOW - 2 * HOUR)
        ages = books.database.read_now(connections.ages, now=lambda: NOW)
        assert ages == {"sandbox": 3 * 3600.0, "starling": 2 * 3600.0}
