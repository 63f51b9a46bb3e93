"""Rows under an id that is another row's already (sync.md 13)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from penstock.db.bulk import Counts
from penstock.db.sweeping import Told
from penstock.domain.errors import ContractBroken
from penstock.domain.naming import OURS
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Covered, Page
from tests.databases import Database
from tests.db.merging import DAY, SILENT, Ledger, ledger, row

WEAK = replace(SILENT, reuses_ids=True, reissues_ids=True)
LATER = DAY + timedelta(days=7)
TEA = row("9998", "-3.00", description="Tea")
BUS = row("9998", "-2.80", description="Bus", on=LATER)
FERRY = row("9998", "-8.00", description="Ferry", on=LATER)


def tell(book: Ledger, rows: Sequence[TransactionSeen], since: date = DAY) -> Counts:
    """Merge an update that tells all rows since a day."""
    covered = [Covered("a", since, since + timedelta(days=20))]
    told = Told(Absence.PENDING_GONE, whole=False, covered=covered)
    return book.merge_pages([Page(rows, [], None, more=False)], WEAK, told)


def standing(book: Ledger) -> dict[str, Any]:
    """Return the standing rows by their words."""
    rows = book.rows()
    found = {one.description: one for one in rows}
    assert len(found) == len(rows), "a row was doubled"
    return found


def test_an_id_that_comes_again_overwrites_nobody(database: Database) -> None:
    """Monday's row keeps its id and what was written on it; next week's row gets a name."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        book.edit("9998", note="mine")
        assert tell(book, [BUS], LATER).inserted == 1
        rows = standing(book)
        assert (rows["Tea"].external_id, rows["Tea"].note) == ("9998", "mine")
        assert rows["Bus"].external_id.startswith(OURS)
        assert not tell(book, [BUS], LATER).wrote, "it is known again"
        assert tell(book, [FERRY], LATER).inserted == 1
        assert set(standing(book)) == {"Tea", "Bus", "Ferry"}


def test_told_together_or_apart_they_are_the_same_rows(database: Database) -> None:
    """One by one, then all at once, then one by one: nothing new, nothing lost, notes stay."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        number = book.rows()[0].id
        book.edit("9998", note="mine")
        assert tell(book, [TEA, BUS]).inserted == 1
        for rows, since in (([BUS], LATER), ([TEA, BUS], DAY), ([BUS], LATER), ([TEA, BUS], DAY)):
            assert not tell(book, rows, since).wrote
        assert tell(book, [FERRY, BUS], LATER).inserted == 1
        kept = standing(book)
        assert set(kept) == {"Tea", "Bus", "Ferry"}
        assert (kept["Tea"].id, kept["Tea"].note) == (number, "mine")


def test_twins_under_a_reused_id_are_two(database: Database) -> None:
    """Two equal rows with one id, beside an older row of that id: each of them stands."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        assert tell(book, [BUS, BUS], LATER).inserted == 2
        assert tell(book, [BUS, BUS], LATER).unchanged == 2
        assert len(book.rows()) == 3


def test_one_named_by_the_merge_and_one_without_an_id_are_two(database: Database) -> None:
    """A row that loses its id counts its twins that never had one."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        for _ in range(2):
            tell(book, [BUS, BUS._replace(external_id="")], LATER)
            assert len(book.rows()) == 3


def test_a_row_that_the_bank_corrects_is_corrected(database: Database) -> None:
    """Words change under an id; so may the amount, or the day, where the old day was told too."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        for corrected in (
            TEA._replace(description="TEA HOUSE 12"),
            TEA._replace(description="TEA HOUSE 12", booked_on=DAY + timedelta(days=1)),
            row("9998", "-3.50", description="TEA HOUSE 12", on=DAY + timedelta(days=1)),
        ):
            counts = tell(book, [corrected])
            assert (counts.changed, counts.inserted) == (1, 0)
        assert len(book.rows()) == 1


def test_what_settles_under_its_id_is_no_other_row(database: Database) -> None:
    """A pending row may become another sum on another day: it has not been posted yet."""
    with ledger(database.url) as book:
        tell(book, [row("7", "-20.00", pending=True)])
        counts = tell(book, [row("7", "-23.00", on=DAY + timedelta(days=2))])
        assert (counts.changed, len(book.rows())) == (1, 1)


def test_a_pending_row_under_a_posted_ones_id_is_another(database: Database) -> None:
    """It does not make the posted one pending again."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        tell(book, [row("9998", "-9.00", pending=True, on=LATER, description="Taxi")], LATER)
        rows = standing(book)
        assert {name: one.status for name, one in rows.items()} == {
            "Tea": "posted",
            "Taxi": "pending",
        }


def test_positions_are_no_ids(database: Database) -> None:
    """A bank that numbers the rows of each answer: all move by one, and each stays who it was."""
    with ledger(database.url) as book:
        days = [DAY + timedelta(days=number) for number in range(4)]
        plain = [
            row("", f"-{number}.00", on=day, description=f"Shop {number}")
            for number, day in enumerate(days, 1)
        ]

        def numbered(count: int) -> list[TransactionSeen]:
            newest_first = plain[:count][::-1]
            return [
                one._replace(external_id=str(place)) for place, one in enumerate(newest_first, 1)
            ]

        tell(book, numbered(3))
        numbers = {name: one.id for name, one in standing(book).items()}
        for count in (4, 3, 4, 4):
            tell(book, numbered(count))
            found = {name: one.id for name, one in standing(book).items()}
            assert len(found) == 4
            assert numbers.items() <= found.items()


def test_without_the_whole_day_nobody_could_tell(database: Database) -> None:
    """sync.md 8: as for a row without an id, it is refused by name, and nothing is written."""
    with ledger(database.url) as book:
        tell(book, [TEA])
        with pytest.raises(ContractBroken, match="the id of another one"):
            book.merge_pages([Page([BUS], [], None, more=False)], WEAK)
        assert set(standing(book)) == {"Tea"}
