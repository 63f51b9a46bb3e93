"""doctor says who is told, and when that fails."""

import contextlib
from datetime import timedelta

from penstock.cli.doctor import telling
from penstock.cli.doctor.check import State
from penstock.db import notices
from penstock.db.connect import open_database
from penstock.db.notices import record_failure
from penstock.settings import Settings
from tests.databases import Database
from tests.db.books import NOW

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
