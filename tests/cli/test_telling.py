"""doctor says who is told, and when that fails."""

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest

from penstock.cli.doctor import telling
from penstock.cli.doctor.check import State
from penstock.db import notices
from penstock.db.connect import open_database
from penstock.db.notices import record_failure
from penstock.settings import Settings
from tests.cli.conftest import Terminal
from tests.databases import Database
from tests.db.books import NOW
from tests.hook import listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is:DeprecationWarning")

SECRET = "json://t0ken-that-nobody-may-see@127.0.0.1:1"


def test_a_failing_address_is_seen(sqlite_database: Database) -> None:
    """K3: how often and why is said, by the address's kind and mark, never by the address."""
    with contextlib.closing(open_database(sqlite_database.url)) as database:
        nobody = Settings(database_url=sqlite_database.url)
        assert list(telling.checks(nobody, database)) == []
        settings = Settings(database_url=sqlite_database.url, notify=SECRET)
        [check] = telling.checks(settings, database)
        assert (check.state, check.found) == (State.OK, "1 address is told")
        for _ in range(2):
            database.write_now(
                record_failure, "json 12345678", "not taken", not_before=NOW + timedelta(hours=1)
            )
        [check] = telling.checks(settings, database)
        assert check.state is State.WARN
        assert check.found == "json 12345678: 2 times in a row: not taken"
        assert "t0ken" not in repr(settings) + repr(check)
        database.write_now(notices.keep_targets, [])
        assert [one.state for one in telling.checks(settings, database)] == [State.OK]


@pytest.mark.parametrize("slip", ["bogus", "bogus://t0ken@x", "mailtos://"])
def test_an_address_that_is_none_is_seen(slip: str) -> None:
    """K3: one of two is mistyped: the doctor fails, says what to do, and shows no address."""
    [check] = telling.checks(Settings.model_validate({"notify": f"{slip} {SECRET}"}), None)
    assert check.state is State.FAIL
    assert "is not one that Apprise knows" in check.found
    assert "appriseit.com" in check.remedy
    assert "t0ken" not in repr(check)


def test_a_trial_is_sent_when_it_is_asked_for(stranger: Terminal) -> None:
    """`penstock doctor --notify`: each address gets a message, or it is said which did not."""
    heard: list[Any] = []
    with listening(heard) as port:
        told = {"PENSTOCK_NOTIFY": f"json://127.0.0.1:{port} json://t0ken@127.0.0.1:1"}
        result = stranger.run("doctor", "--notify", "--json", **told)
        assert len(heard) == 1
        assert stranger.run("doctor", "--json", **told).exit_code == 0
        assert len(heard) == 1
    assert heard[0]["title"] == "Penstock: a trial"
    assert result.exit_code == 1
    assert "t0ken" not in result.output
    trials = [one for one in json.loads(result.stdout)["checks"] if one["what"] == "trial"]
    assert [one["state"] for one in trials] == ["ok", "fail"]


def test_a_trial_for_nobody_fails() -> None:
    """Where nobody is to be told, no trial has gone well."""
    assert [one.state for one in telling.trials(Settings())] == [State.FAIL]
