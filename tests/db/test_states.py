"""What /metrics tells of the stored state, counted by the database."""

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from penstock.db import leases, states
from penstock.db.quarantine import quarantine
from penstock.db.suggestions import suggestions
from penstock.db.tie_outs import tie_outs
from penstock.observe.states import STATES
from tests.databases import Database
from tests.db.books import NOW, Books, open_books

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def of(books: Books) -> dict[str, dict[tuple[str, ...], float]]:
    """Read the states as a scrape does."""
    found = books.database.read_now(states.read, now=lambda: NOW)
    assert all(len(values) == len(dict(values)) for values in found.values())
    return {name: dict(values) for name, values in found.items()}


def put(books: Books, table: sa.Table, **values: object) -> None:
    """Write a row as it is."""
    books.database.write_now(lambda one: one.execute(table.insert().values(values)))


def test_every_state_is_read(database: Database) -> None:
    """What the collector tells is what the database says, of an empty installation too."""
    with open_books(database.url) as books:
        assert of(books) == {state.name: {} for state in STATES}


def test_connections_are_told_by_connector(database: Database) -> None:
    """Age, consent, failures and parking, of what is linked; the worst of each counts."""
    with open_books(database.url) as books:
        ann = books.person()
        books.connection(ann, last_success_at=NOW - HOUR, consent_expires_at=NOW + 9 * DAY)
        books.connection(ann, last_success_at=NOW - 2 * HOUR, consent_expires_at=NOW + 3 * DAY)
        books.connection(ann, last_success_at=NOW, failures=3, parked_at=NOW, consent="expiring")
        books.connection(
            ann, last_success_at=NOW, consent="login_required", consent_expires_at=NOW - DAY
        )
        books.connection(ann, last_success_at=NOW - 99 * DAY, disconnected_at=NOW)
        books.connection(ann, connector="starling", last_success_at=NOW - DAY)
        found = of(books)
    bank = ("sandbox",)
    assert found["freshness_age_seconds"] == {bank: 7200, ("starling",): 86400}
    assert found["consent_days_left"] == {bank: 3}
    assert found["consents_ending"] == {
        ("sandbox", "1"): 0,
        ("sandbox", "7"): 1,
        ("sandbox", "14"): 2,
        **{("starling", days): 0 for days in ("1", "7", "14")},
    }
    assert found["connections_failing"] == {bank: 1, ("starling",): 0}
    assert found["connections_parked"] == {bank: 1, ("starling",): 0}
    assert found["connections"] == {
        ("sandbox", "active"): 2,
        ("sandbox", "expiring"): 1,
        ("sandbox", "login_required"): 1,
        ("starling", "active"): 1,
    }


def test_what_waits_and_what_runs_is_told(database: Database) -> None:
    """Due is what a worker should start now; the lag is how long the first has been waiting."""
    with open_books(database.url) as books:
        ann = books.person()
        books.connection(ann, next_sync_at=NOW - HOUR)
        books.connection(ann, next_sync_at=NOW + HOUR, sync_requested_at=NOW - timedelta(minutes=1))
        books.connection(ann, next_sync_at=NOW + HOUR)
        books.connection(ann, next_sync_at=NOW - DAY, not_before=NOW + HOUR)
        books.connection(ann, next_sync_at=NOW - DAY, parked_at=NOW)
        books.connection(ann, next_sync_at=NOW - DAY, paused_at=NOW)
        books.connection(ann, next_sync_at=NOW - DAY, consent="login_required")
        running = books.connection(ann, next_sync_at=NOW - DAY)
        left = books.connection(ann, next_sync_at=NOW - timedelta(minutes=2))
        for number, until in ((running, NOW + HOUR), (left, NOW - HOUR)):
            books.database.write_now(
                leases.take, number, holder="worker", now=NOW - DAY, until=until
            )
        found = of(books)
    assert found["sync_due"] == {("sandbox",): 3}
    assert found["sync_lag_seconds"] == {("sandbox",): 3600}
    assert found["syncs_running"] == {("sandbox",): 1}


def test_what_a_person_should_look_at_is_told(database: Database) -> None:
    """Tie-outs by result, open rows in quarantine, open suggestions; no person and no account."""
    with open_books(database.url) as books:
        ann = books.person()
        number = books.connection(ann)
        first, second = books.account(ann, number), books.account(ann, number)
        checked = {"currency": "EUR", "candidates": "[]", "checked_at": NOW}
        put(books, tie_outs, account_id=first, status="ok", amount=0, **checked)
        put(books, tie_outs, account_id=second, status="difference", amount=5, **checked)
        kept = {
            "owner_id": ann,
            "connection_id": number,
            "run_id": 1,
            "stream": "all",
            "reason": "no amount",
            "raw": b"{}",
            "created_at": NOW,
        }
        put(books, quarantine, **kept)
        put(books, quarantine, **kept, resolved_at=NOW)
        open_one = {"owner_id": ann, "account_id": first, "run_id": 1, "kind": "pair"}
        open_one |= {"reason": "alike", "created_at": NOW}
        put(books, suggestions, **open_one, subject="1", state="open")
        put(books, suggestions, **open_one, subject="2", state="accepted", decided_at=NOW)
        found = of(books)
    assert found["tie_outs"] == {("sandbox", "ok"): 1, ("sandbox", "difference"): 1}
    assert found["tie_out_difference"] == {("sandbox", "EUR"): 5}
    assert found["quarantined_rows"] == {("sandbox",): 1}
    assert found["suggestions_open"] == {("sandbox", "pair"): 1}


def test_what_does_not_add_up_is_told_by_currency(database: Database) -> None:
    """sync.md 30: too much and too little do not cancel out; what still settles is not counted."""
    with open_books(database.url) as books:
        owner = books.person()
        number = books.connection(owner)
        for status, currency, amount in (
            ("difference", "EUR", Decimal("5.10")),
            ("difference", "EUR", Decimal("-5.10")),
            ("difference", "EUR", Decimal("0.05")),
            ("settling", "EUR", Decimal(900)),
            ("difference", "JPY", Decimal(-700)),
            ("ok", "CHF", Decimal(0)),
        ):
            checked = {"candidates": "[]", "checked_at": NOW, "status": status, "amount": amount}
            account = books.account(owner, number)
            put(books, tie_outs, account_id=account, currency=currency, **checked)
        found = of(books)
    assert found["tie_out_difference"] == {
        ("sandbox", "EUR"): 10.25,
        ("sandbox", "JPY"): 700,
        ("sandbox", "CHF"): 0,
    }
