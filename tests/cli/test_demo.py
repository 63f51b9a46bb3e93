"""The demo's own honesty: a figure that is wrong makes it fail, and is named."""

import asyncio
from collections import Counter
from pathlib import Path

from penstock.cli.demo import ledger
from penstock.cli.demo.report import Report
from penstock.cli.demo.stage import fresh_settings
from penstock.cli.demo.story import tell


def test_what_does_not_hold_is_named() -> None:
    """A figure that is not the wanted one breaks the report, and stands in it."""
    report = Report()
    report.expect("first: pages", 3, 3)
    assert report.as_json()["held"] is True
    report.expect("first: inserted", 15, 14)
    report.expect_that("waited", "1000 or more", 3, held=False)
    assert [one.what for one in report.broken] == ["first: inserted", "waited"]
    assert report.broken[0].in_words() == "first: inserted: 15 was expected, 14 was found"
    assert report.as_json()["held"] is False


def test_a_report_of_nothing_has_not_held() -> None:
    """A demo that looked at nothing did not succeed, and nothing was proven to add up."""
    assert not Report().held
    assert Report().tie_out == "unproven"


def test_the_tie_out_is_the_worst_there_was() -> None:
    """One account that does not add up after one sync is what the summary says."""
    report = Report(tie_outs=["ok", "difference", "ok"])
    assert report.tie_out == "difference"
    assert Report(tie_outs=["ok", "ok"]).tie_out == "ok"


def test_what_breaks_it_off_is_told(tmp_path: Path) -> None:
    """An error in the middle is an expectation that did not hold, not a traceback."""
    file = tmp_path / "file"
    file.write_text("no folder")
    report = asyncio.run(tell(file / "home", say=str))
    assert not report.held
    assert "to its end" in report.broken[-1].what


def test_books_are_compared_row_by_row() -> None:
    """A row that one side has twice, or not at all, is a difference."""
    row = ("4100", "-1.00", "posted", "EUR", "2026-11-20", "Tea")
    assert ledger.differences(Counter([row]), Counter([row])) == 0
    assert ledger.differences(Counter([row, row]), Counter([row])) == 1
    assert ledger.differences(Counter(), Counter([row])) == 1


def test_the_demo_takes_no_setting_of_the_persons(tmp_path: Path) -> None:
    """Its settings are the defaults, whatever stands in the environment."""
    settings = fresh_settings(home=tmp_path)
    assert settings.database == f"sqlite:///{(tmp_path / 'penstock.db').as_posix()}"
    assert settings.url is None
    assert settings.token is None
