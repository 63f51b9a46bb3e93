"""`penstock rates`: listed, set, taken back, and never assumed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from penstock.db import rates
from penstock.db.connect import open_database
from penstock.domain.rate import Stated
from tests.cli.conftest import Terminal

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAY = date(2022, 7, 8)


@pytest.fixture
def stocked(ada: Terminal) -> Terminal:
    """Return somebody whose installation has two rates of a day, and two of the day before."""
    table = [
        Stated(DAY.replace(day=7), "USD", Decimal("1.0180")),
        Stated(DAY, "USD", Decimal("1.0163")),
        Stated(DAY, "GBP", Decimal("0.84585")),
    ]
    lanes = open_database(f"sqlite:///{ada.home / 'penstock.db'}")
    lanes.write_now(rates.store, table, source="ecb", now=NOW)
    lanes.close()
    return ada


def test_rates_are_listed_with_their_day(stocked: Terminal) -> None:
    """The first word may be a currency, small or not; each line says which day's rate it is."""
    said = stocked.good("rates", "usd", "GBX", "--day", "2022-07-10").stdout
    usd = next(line for line in said.splitlines() if "EUR/USD" in line)
    assert usd.split() == ["EUR/USD", "2022-07-10", "1.0163", "2022-07-08", "stated", "ecb"]
    assert "84.58500" in said
    found = stocked.json("rates", "--base", "GBP", "--day", "2022-07-08", "USD")
    assert [row["rate"]["made"] for row in found] == ["crossed"]
    assert len(stocked.json("rates", "--day", "2022-07-08")) == 2
    assert len(stocked.json("rates", "list", "USD", "--from", "2022-07-01")) == 2


def test_what_has_no_rate_ends_with_1(stocked: Terminal) -> None:
    """It says which currency, which day and what to do; it is not 1."""
    result = stocked.run("rates", "XYZ", "--day", "2022-07-08")
    assert result.exit_code == 1
    assert "'XYZ' of 2022-07-08" in result.stderr
    assert "penstock rates set XYZ" in result.stderr
    result = stocked.run("rates", "--day", "2001-01-01")
    assert result.exit_code == 0
    assert "penstock rates --refresh" in result.stderr


def test_an_admin_sets_a_rate_and_takes_it_back(stocked: Terminal) -> None:
    """The rate that is set is the one that is listed, until it is taken back."""
    said = stocked.good("rates", "set", "try", "45.10", "--day", "2022-07-08").stderr
    assert "1 EUR is 45.10 TRY from 2022-07-08 on." in said
    (row,) = stocked.json("rates", "TRY", "--day", "2022-07-09")
    assert (row["rate"]["value"], row["rate"]["sources"]) == ("45.10", ["own"])
    assert (
        "It was 45.10." in stocked.good("rates", "set", "TRY", "46", "--day", "2022-07-08").stderr
    )
    assert "taken back" in stocked.good("rates", "unset", "TRY", "--day", "2022-07-08").stderr
    assert stocked.run("rates", "TRY", "--day", "2022-07-09").exit_code == 1
    assert stocked.run("rates", "unset", "TRY", "--day", "2022-07-08").exit_code != 0
    assert stocked.run("rates", "set", "TRY", "much").exit_code != 0


def test_a_bank_that_is_not_named_is_not_asked(stocked: Terminal) -> None:
    """--refresh says why nothing was asked, and what to do."""
    result = stocked.run("rates", "--refresh", PENSTOCK_QUOTE_SOURCES="google_finance")
    assert result.exit_code == 1
    assert "Add ecb to PENSTOCK_QUOTE_SOURCES" in result.stderr
