"""When the next price of an instrument can be had."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import market_hours
from penstock.domain.currency_codes import ISO, METALS
from penstock.domain.market_hours import FURTHEST, SETTLES, Due, hours_of, next_price, opened
from penstock.quotes.exchanges import exchange_of

FILE = Path(market_hours.__file__).with_suffix(".toml")
TABLE = tomllib.loads(FILE.read_text(encoding="utf-8"))
QUARTER = timedelta(minutes=15)
NO_DELAY = timedelta(0)
START = datetime(2024, 1, 1, tzinfo=UTC)

instants = st.integers(0, 4_000_000).map(lambda minutes: START + timedelta(minutes=minutes))
instruments = st.one_of(
    st.sampled_from(sorted(TABLE["exchanges"])).map("SAP:{}".format),
    st.sampled_from(["AAPL:US", "EUR/USD", "BTC/USD", "DE0007164600", "US0378331005", "X:ZZZZ"]),
)
spans = st.timedeltas(timedelta(minutes=1), timedelta(days=2))
delays = st.timedeltas(timedelta(0), timedelta(hours=1))


def local(text: str, zone: str) -> datetime:
    """Return an instant by the clock of a place."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def after(instrument: str, now: datetime, delay: timedelta = NO_DELAY) -> Due:
    """Return the next price where chance adds nothing."""
    return next_price(instrument, now, every=QUARTER, delay=delay, chance=0)


@given(instruments, instants, spans, delays, st.floats(0, 1))
def test_the_next_price_comes_while_it_can_be_had(
    instrument: str, now: datetime, every: timedelta, delay: timedelta, chance: float
) -> None:
    """It is after now, never days ahead, and in a session or just after its close."""
    due = next_price(instrument, now, every=every, delay=delay, chance=chance)
    assert now < due.earliest <= due.at <= now + FURTHEST
    hours = hours_of(instrument)
    if hours is None:
        return
    evening = SETTLES + timedelta(minutes=20)
    sessions = list(hours.around(due.at))
    assert any(begin + delay <= due.at <= end + delay + evening for begin, end in sessions)


@given(instruments, instants, delays, st.floats(0, 1))
def test_a_close_is_asked_after_once(
    instrument: str, now: datetime, delay: timedelta, chance: float
) -> None:
    """Turn after turn, there is at most one between a close and the next opening."""
    hours = hours_of(instrument)
    for _ in range(12):
        due = next_price(instrument, now, every=timedelta(hours=2), delay=delay, chance=chance)
        if hours is not None and opened(instrument, now, delay=delay) is None:
            assert opened(instrument, due.at, delay=delay) is not None
        now = due.at


@pytest.mark.parametrize(
    ("instrument", "now", "wanted", "zone"),
    [
        ("SAP:XETR", "2026-11-20 10:00", "2026-11-20 10:15", "Europe/Berlin"),
        ("SAP:XETR", "2026-11-20 17:30", "2026-11-20 17:45", "Europe/Berlin"),
        ("SAP:XETR", "2026-11-20 17:45", "2026-11-23 09:00", "Europe/Berlin"),
        ("SAP:XETR", "2026-11-24 03:00", "2026-11-24 09:00", "Europe/Berlin"),
        ("AAPL:US", "2026-11-20 16:30", "2026-11-23 09:30", "America/New_York"),
        ("2222:XSAU", "2026-11-19 18:00", "2026-11-22 10:00", "Asia/Riyadh"),
        ("EUR/USD", "2026-11-21 12:00", "2026-11-22 17:00", "America/New_York"),
        ("EUR/USD", "2026-11-24 03:00", "2026-11-24 03:15", "America/New_York"),
        ("BTC/USD", "2026-11-21 03:00", "2026-11-21 03:15", "UTC"),
        ("DE0007164600", "2026-11-24 03:00", "2026-11-24 03:15", "Europe/Berlin"),
        ("DE0007164600", "2026-11-21 03:00", "2026-11-23 00:00", "Europe/Berlin"),
        ("X:ZZZZ", "2026-11-22 12:00", "2026-11-23 00:00", "UTC"),
    ],
)
def test_markets_have_their_own_hours(instrument: str, now: str, wanted: str, zone: str) -> None:
    """Open, closed, at night, on week-ends that differ; coins always, unknown ones on weekdays."""
    assert after(instrument, local(now, zone)).at == local(wanted, zone)


@pytest.mark.parametrize(
    ("instrument", "friday", "monday", "zone"),
    [
        ("SAP:XETR", "2026-03-27 20:00", "2026-03-30 09:00", "Europe/Berlin"),
        ("SAP:XETR", "2026-10-23 20:00", "2026-10-26 09:00", "Europe/Berlin"),
        ("AAPL:XNAS", "2026-03-06 20:00", "2026-03-09 09:30", "America/New_York"),
    ],
)
def test_the_clock_of_the_exchange_counts(
    instrument: str, friday: str, monday: str, zone: str
) -> None:
    """When summer time begins or ends, a session is an hour off by UTC, and right by its clock."""
    assert after(instrument, local(friday, zone)).at == local(monday, zone)


def test_a_delayed_source_is_asked_so_much_later() -> None:
    """What is told a quarter of an hour late is not asked at the bell, but asked past the close."""
    late = timedelta(minutes=15)
    night = local("2026-11-20 03:00", "Europe/Berlin")
    assert after("SAP:XETR", night, late).at == local("2026-11-20 09:15", "Europe/Berlin")
    evening = local("2026-11-20 17:46", "Europe/Berlin")
    assert after("SAP:XETR", evening, late).at == local("2026-11-20 18:00", "Europe/Berlin")


def test_instruments_are_spread() -> None:
    """At the opening chance spreads them over a whole turn: not all come with the bell."""
    night = local("2026-11-20 03:00", "Europe/Berlin")
    found = [
        next_price("SAP:XETR", night, every=QUARTER, delay=NO_DELAY, chance=n / 10).at
        for n in range(11)
    ]
    assert len(set(found)) == 11
    assert found[-1] - found[0] == QUARTER


def test_the_tables_agree() -> None:
    """Each exchange that quotes know has hours, in its own zone; money is what they know."""
    assert set(TABLE["money"].split()) == ISO | METALS
    quoted = tomllib.loads(
        (FILE.parents[1] / "quotes" / "exchanges.toml").read_text(encoding="utf-8")
    )
    assert set(TABLE["exchanges"]) == set(quoted["exchanges"])
    for mic, said in TABLE["exchanges"].items():
        known = exchange_of(mic)
        assert known is not None
        assert (said["country"], said["zone"]) == (known.country, known.zone)
