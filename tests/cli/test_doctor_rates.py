"""The doctor looks whether exchange rates are there, and new enough."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from penstock.cli.doctor import rates as doctor
from penstock.cli.doctor.check import Check, State
from penstock.db import rates
from penstock.db.lane import Database
from penstock.db.rates import Document
from penstock.domain.quote import SourceUnavailable
from penstock.settings import Settings
from tests.cli.conftest import Terminal
from tests.engine.bench import NOON, Watch
from tests.engine.pricing import FakeRates, Source, pricer

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""Rates of this day come out at 15:00 UTC."""


def looked(store: Database, folder: Path, now: datetime, *sources: str) -> list[Check]:
    """Return what the doctor says at an instant."""
    settings = Settings(home=folder, quote_sources=sources or ("ecb",))
    return [*doctor.checks(settings, store, now=now)]


def note(store: Database, through: date | None) -> None:
    """Let rates be there up to a day."""
    store.write_now(rates.note, Document("daily", FRIDAY - timedelta(days=30), through))


def test_rates_that_nobody_fetched_are_told(store: Database, tmp_path: Path) -> None:
    """None at all is a warning, also after they were asked for; not where none are wanted."""
    (check,) = looked(store, tmp_path, FRIDAY)
    assert (check.state, "no exchange rates yet" in check.found) == (State.WARN, True)
    assert "penstock rates --refresh" in check.remedy
    note(store, None)
    (check,) = looked(store, tmp_path, FRIDAY)
    assert "though asked for on 2026-10-21 12:00 UTC" in check.found
    assert looked(store, tmp_path, FRIDAY, "google_finance") == []


@pytest.mark.parametrize(
    ("through", "now", "state"),
    [
        (date(2026, 11, 19), FRIDAY, State.OK),
        (date(2026, 11, 18), FRIDAY, State.OK),
        (date(2026, 11, 17), FRIDAY, State.WARN),
        (date(2026, 11, 19), FRIDAY + timedelta(hours=20), State.OK),
        (date(2026, 11, 19), FRIDAY + timedelta(hours=28), State.WARN),
        (date(2026, 11, 20), FRIDAY + timedelta(days=3), State.OK),
        (date(2022, 7, 8), FRIDAY, State.WARN),
    ],
)
def test_old_rates_are_told(
    store: Database, tmp_path: Path, through: date, now: datetime, state: State
) -> None:
    """A day after they are published they should be here; nothing is published on week-ends."""
    note(store, through)
    (check,) = looked(store, tmp_path, now)
    assert (check.state, str(through) in check.found) == (state, True)


def test_that_asking_failed_is_told(store: Database, tmp_path: Path) -> None:
    """Also while those that are there are young: the reason, and when they are asked for next."""
    watch = Watch()
    note(store, NOON.date() - timedelta(days=1))
    failing = FakeRates(NOON, fails=SourceUnavailable())
    worker = pricer(store, watch, Source(watch), failing)
    assert asyncio.run(worker.tick_rates()) == 1
    (check,) = looked(store, tmp_path, NOON)
    assert check.state is State.WARN
    assert "failed: source unavailable; they are there up to 2026-11-19" in check.found
    assert "asked for again at 2026-11-20 12:01 UTC" in check.found
    failing.fails = None
    watch.later(minutes=30)
    assert asyncio.run(worker.tick_rates()) == 1
    (check,) = looked(store, tmp_path, NOON)
    assert check.state is State.OK


def test_the_command_tells_it(reader: Terminal) -> None:
    """`penstock doctor` warns where nobody ever fetched rates, and ends with 0 all the same."""
    told = reader.good("doctor").stdout
    assert "there are no exchange rates yet" in told
