"""Files of banks in the ledger: twice, overlapping, undone, and without a bank to ask."""

from dataclasses import replace
from datetime import date

import pytest

from penstock.db import connections
from penstock.db.accounts import accounts
from penstock.db.archives import archives
from penstock.db.connections import ConnectionRow
from penstock.db.transactions import transactions
from penstock.domain.errors import Conflict, InvalidInput
from penstock.domain.freshness import FreshnessState, Standing, freshness
from tests.databases import Database
from tests.engine.house import House
from tests.engine.importing import counts, import_file, standing
from tests.engine.linking import at_home
from tests.engine.test_undone import undone
from tests.files.samples import COFFEE, PAY, ROWS, TICKET, TWIN, ofx


async def only_connection(home: House) -> ConnectionRow:
    """Return the one connection that there is."""
    [found] = await home.penstock.database.read(connections.page, owner_id=home.owner_id)
    return found


def test_a_file_is_imported_once_however_often_it_comes(database: Database) -> None:
    """sync.md 7: twice: nothing is inserted, nothing is written; the twins of a day stay two."""

    async def story(home: House) -> None:
        first = await import_file(home, ofx())
        assert counts(first) == (4, 0, 0)
        before = await home.all(transactions.select())
        again = await import_file(home, ofx())
        assert counts(again) == (0, 4, 0)
        assert await home.all(transactions.select()) == before
        assert len(await home.all(accounts.select())) == 1

    at_home(database, story)


def test_overlapping_files_double_nothing(database: Database) -> None:
    """Two files that share a day, the later one first, are the same as one file."""

    async def story(home: House) -> None:
        assert counts(await import_file(home, ofx([TICKET, TWIN, PAY]))) == (3, 0, 0)
        assert counts(await import_file(home, ofx([COFFEE, TICKET, TWIN]))) == (1, 2, 0)
        assert len(await standing(home)) == 4

    at_home(database, story)


def test_a_dry_run_says_what_the_real_one_does_and_writes_nothing(database: Database) -> None:
    """The counts are the same; no account, no run and no row is left of it."""

    async def story(home: House) -> None:
        would = await import_file(home, ofx(), dry=True)
        assert await home.all(accounts.select()) == []
        assert await home.penstock.database.read(connections.page, owner_id=home.owner_id) == []
        did = await import_file(home, ofx())
        assert counts(would) == counts(did)
        [planned], [done] = would.imports, did.imports
        assert (planned.run_id, planned.connection_id) == (None, None)
        assert planned.accounts == [replace(done.accounts[0], account_id=None)]
        again = await import_file(
            home, ofx([*ROWS, ("F5", date(2026, 11, 4), "-1.00", "X")]), dry=True
        )
        assert counts(again) == (1, 4, 0)
        assert len(await standing(home)) == 4

    at_home(database, story)


def test_an_import_is_undone_like_any_run(database: Database) -> None:
    """sync.md 31: its rows go, nothing pauses, and the same file brings them again."""

    async def story(home: House) -> None:
        await import_file(home, ofx([COFFEE]))
        done = await import_file(home, ofx(ledger=("994.80", "20261103")))
        run = done.imports[0].run_id
        assert run is not None
        assert await undone(home, run) == []
        assert len(await standing(home)) == 1
        assert (await only_connection(home)).paused_at is None
        assert len(await home.all(archives.select())) == 1
        assert counts(await import_file(home, ofx())) == (3, 1, 0)

    at_home(database, story)


def test_what_is_made_of_files_is_never_due_nor_stale(database: Database) -> None:
    """Nobody is asked: it is not synced, not late, not failing, and says how old it is."""

    async def story(home: House) -> None:
        await import_file(home, ofx())
        row = await only_connection(home)
        assert (row.next_sync_at, row.failures, row.remedy_kind) == (None, 0, None)
        assert await home.penstock.runner.tick() == 0
        with pytest.raises(Conflict, match="made of files"):
            await home.penstock.runner.sync_now(row.id, trigger="person")
        now = home.penstock.clock()
        known = Standing(
            row.consent,
            None,
            connected=True,
            failures=0,
            last_success_at=row.last_success_at,
            files=True,
        )
        assert freshness(known, now=now.replace(year=now.year + 5), every=now - now).state is (
            FreshnessState.IMPORTED
        )

    at_home(database, story)


def test_a_balance_of_a_file_ties_out(database: Database) -> None:
    """sync.md 30: two files with balances prove the rows between; a missing row is a difference."""

    async def story(home: House) -> None:
        await import_file(home, ofx(ledger=("994.80", "20261103")))
        assert await home.tie_out() == {"unproven"}
        later = ("F9", date(2026, 11, 5), "-4.80", "BAKERY")
        await import_file(home, ofx([later], ledger=("990.00", "20261105")))
        assert await home.tie_out() == {"ok"}
        lost = ("F10", date(2026, 11, 10), "-1.00", "KIOSK")
        await import_file(home, ofx([lost], ledger=("980.00", "20261110")))
        assert await home.tie_out() <= {"difference", "settling"}

    at_home(database, story)


def test_a_file_that_is_broken_brings_nothing(database: Database) -> None:
    """One row that cannot be read, and none is imported; the line is named."""

    async def story(home: House) -> None:
        bad = ofx([*ROWS, ("F5", date(2026, 11, 4), "1.2.3", "X")])
        with pytest.raises(InvalidInput, match=r"Line \d+: .*1\.2\.3.*Nothing was imported"):
            await import_file(home, bad)
        assert await home.all(accounts.select()) == []

    at_home(database, story)


def test_a_reused_id_loses_no_row(database: Database) -> None:
    """sync.md 13: a bank that numbers each month's rows anew: the rows of both stand."""

    async def story(home: House) -> None:
        november = ("1", date(2026, 11, 2), "-3.20", "COFFEE")
        december = ("1", date(2026, 12, 2), "-800.00", "RENT")
        await import_file(home, ofx([november]))
        assert counts(await import_file(home, ofx([december]))) == (1, 0, 0)
        assert counts(await import_file(home, ofx([december]))) == (0, 1, 0)
        assert counts(await import_file(home, ofx([november]))) == (0, 1, 0)
        assert len(await standing(home)) == 2

    at_home(database, story)


def test_a_new_id_for_a_row_is_the_same_row(database: Database) -> None:
    """sync.md 11: the day is told again under new ids: rows that say the same are."""

    async def story(home: House) -> None:
        await import_file(home, ofx())
        renamed = [(f"N{row[0]}", row[1], row[2], row[3]) for row in ROWS]
        assert counts(await import_file(home, ofx(renamed))) == (0, 0, 4)
        assert counts(await import_file(home, ofx())) == (0, 4, 0)
        assert counts(await import_file(home, ofx(renamed))) == (0, 4, 0)
        assert len(await standing(home)) == 4

    at_home(database, story)


def test_a_correction_takes_the_place_of_what_it_corrects(database: Database) -> None:
    """CORRECTFITID: replaced in place, deleted, and an old file brings neither back."""

    async def story(home: House) -> None:
        old = ofx()
        await import_file(home, old)
        replaces = (
            "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>20261102<TRNAMT>-4.20<FITID>F1B<CORRECTFITID>F1"
            "<CORRECTACTION>REPLACE<NAME>COFFEE HOUSE</STMTTRN>"
            "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>20261103<TRNAMT>0<FITID>F4B<CORRECTFITID>F4"
            "<CORRECTACTION>DELETE</STMTTRN>"
        )
        await import_file(home, ofx([TICKET, TWIN], extra=replaces))
        assert [row[1] for row in await standing(home)] == ["-2.50", "-2.50", "-4.20"]
        await import_file(home, ofx([COFFEE]))
        assert [row[1] for row in await standing(home)] == ["-2.50", "-2.50", "-4.20"]

    at_home(database, story)
