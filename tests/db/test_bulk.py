"""The merge of an update keeps every promise of sync.md that is about rows."""

from datetime import date
from decimal import Decimal

import pytest

from penstock.db.bulk import Counts
from penstock.db.sums import posted_sums
from penstock.domain.transaction import Removal
from penstock.domain.update import Page
from tests.databases import Database
from tests.db.merging import DAY, SILENT, ledger, row


def test_same_page_twice(database: Database) -> None:
    """sync.md 7: the same page twice inserts nothing and writes nothing the second time."""
    with ledger(database.url) as book:
        page = [row("1"), row("2", "3.5"), row("3", pending=True)]
        assert book.merge(page) == Counts(inserted=3)
        before = book.rows()
        assert book.merge(page) == Counts(unchanged=3)
        assert book.rows() == before


def test_added_for_a_known_id_updates(database: Database) -> None:
    """sync.md 7: an `added` for a known id updates it in place; only what differs is counted."""
    with ledger(database.url) as book:
        book.merge([row("1"), row("2")])
        assert book.merge([row("1", "-11.00"), row("2")]) == Counts(changed=1, unchanged=1)
        assert [str(one.amount) for one in book.rows()] == ["-11.00", "-10.00"]


def test_removal_of_an_unknown_id_does_nothing(database: Database) -> None:
    """sync.md 7: `removed` for an unknown id does nothing, now or later."""
    with ledger(database.url) as book:
        assert book.merge(removed=["ghost"]) == Counts()
        assert book.merge([row("1")], removed=["ghost"]) == Counts(inserted=1)


def test_removal_is_a_tombstone_and_revives(database: Database) -> None:
    """sync.md 12: a removed row stays as a tombstone; when it comes back, the same row revives."""
    with ledger(database.url) as book:
        book.merge([row("1")])
        number = book.rows()[0].id
        assert book.merge(removed=["1"]) == Counts(removed=1)
        assert book.rows() == []
        assert book.merge(removed=["1"]) == Counts()
        assert book.merge([row("1")]) == Counts(changed=1)
        assert [one.id for one in book.rows()] == [number]


def test_what_the_person_deleted_stays_deleted(database: Database) -> None:
    """sync.md 12: neither a change nor a revival brings back what the person deleted."""
    with ledger(database.url) as book:
        book.merge([row("1")])
        book.edit("1", deleted_at=book.now, note="mine", person_category="rent")
        book.merge(removed=["1"])
        book.merge([row("1", "-12.00")])
        (one,) = book.rows()
        assert one.deleted_at == book.now
        assert (one.note, one.person_category) == ("mine", "rent")


def test_last_event_of_an_update_wins(database: Database) -> None:
    """sync.md 9: an update is folded per id, the last event in arrival order winning."""
    pages = [
        Page([row("1", "-1.00"), row("2")], [], "c1", more=True),
        Page([row("1", "-2.00")], [Removal("a", "2")], "c2", more=True),
        Page([row("1", "-3.00"), row("3")], [Removal("a", "3")], "c3", more=False),
    ]
    with ledger(database.url) as book:
        assert book.merge_pages(pages) == Counts(inserted=1)
        assert [(one.external_id, str(one.amount)) for one in book.rows()] == [("1", "-3.00")]


def test_removed_then_added_again_within_an_update(database: Database) -> None:
    """sync.md 9: removed on one page and added on a later one of the same update: it stands."""
    with ledger(database.url) as book:
        book.merge([row("1")])
        pages = [
            Page([], [Removal("a", "1")], "c1", more=True),
            Page([row("1")], [], "c2", more=False),
        ]
        assert book.merge_pages(pages) == Counts(unchanged=1)


def test_equal_posted_rows_are_never_merged(database: Database) -> None:
    """sync.md 11: genuine twins of one source stay two."""
    with ledger(database.url) as book:
        assert book.merge([row("1"), row("2")]) == Counts(inserted=2)
        assert book.merge([row("3")]) == Counts(inserted=1)


def test_feed_without_removals_pairs_and_expires(database: Database) -> None:
    """sync.md 10: without removals a silent pending pairs, or else expires after 14 days."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True), row("old", "-7.00", pending=True)], feed=SILENT)
        assert book.merge([row("q")], feed=SILENT) == Counts(paired=1)
        book.later(days=20)
        assert book.merge([row("z", "-1.00", on=book.now.date())], feed=SILENT) == Counts(
            inserted=1, removed=1
        )
        assert book.ids() == ["q", "z"]


def test_feed_with_removals_never_expires_a_pending(database: Database) -> None:
    """sync.md 10: on feeds with removals an old pending is not removed by us."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.later(days=60)
        assert book.merge([row("z")]) == Counts(inserted=1)
        assert book.ids() == ["p", "z"]


def test_ids_are_compared_exactly(database: Database) -> None:
    """sync.md 7: ids that differ in case or in a trailing space are different rows."""
    with ledger(database.url) as book:
        assert book.merge([row("aB"), row("ab"), row("ab ")]) == Counts(inserted=3)


def test_same_id_on_two_accounts(database: Database) -> None:
    """sync.md 7: the key is (account, id): one id on two accounts is two rows."""
    with ledger(database.url, "a", "b") as book:
        assert book.merge([row("1"), row("1", account="b")]) == Counts(inserted=2)
        assert book.merge(removed=["1"]) == Counts(removed=1)
        assert len(book.rows()) == 1


def test_every_written_row_has_the_commits_number(database: Database) -> None:
    """sync.md 19: rows written by a commit carry its number; unchanged ones keep theirs."""
    with ledger(database.url) as book:
        book.merge([row("1"), row("2")])
        book.merge([row("1"), row("2", "-9.99")])
        assert [one.change_number for one in book.rows()] == [1, 2]


def test_amounts_and_days_come_back_exact(database: Database) -> None:
    """sync.md 15, 16: what is stored is what was said, digit by digit and day by day."""
    exact = row(
        "1",
        "-1234567890123456.789",
        value_on=date(2026, 2, 28),
        original_amount=row("x", "0.10").amount,
        original_currency="USD",
    )
    with ledger(database.url) as book:
        book.merge([exact])
        (one,) = book.rows()
        assert str(one.amount) == "-1234567890123456.789"
        assert (one.booked_on, one.value_on, str(one.original_amount)) == (
            DAY,
            date(2026, 2, 28),
            "0.10",
        )


def test_a_spooled_update_is_the_same(database: Database) -> None:
    """sync.md 2: an update that outgrew memory is merged from its file, order and all."""
    pages = [
        Page([row(f"{page}-{n}", f"{n}.00") for n in range(50)], [], f"c{page}", more=page < 19)
        for page in range(20)
    ]
    with ledger(database.url) as book:
        book.stage_memory = 500
        assert book.merge_pages(pages) == Counts(inserted=1000)
        assert book.merge_pages(pages) == Counts(unchanged=1000)


def test_nul_characters_are_kept_out(database: Database) -> None:
    """sync.md 8: a NUL in a bank's text, which PostgreSQL cannot keep, is replaced."""
    with ledger(database.url) as book:
        assert book.merge([row("1", description="a\0b")]) == Counts(inserted=1)
        assert book.rows()[0].description == "a\ufffdb"
        assert book.merge([row("1", description="a\0b")]) == Counts(unchanged=1)


def test_tiny_amounts_are_written_out(database: Database) -> None:
    """sync.md 15: a satoshi is stored as digits, never with an exponent, and adds up."""
    satoshi = row("1")._replace(currency="BTC", amount=Decimal("0.00000001"))
    nothing = row("2")._replace(currency="BTC", amount=Decimal("0.00000000"))
    dear = row("3", original_amount=Decimal("-0.0000001"), original_currency="BTC")
    with ledger(database.url) as book:
        for amount in ("0.00000001", "0.00000002"):  # the short way, then the long one
            book.merge([satoshi._replace(amount=Decimal(amount)), nothing, dear])
            kept = [book.text(column) for column in ("amount", "original_amount")]
            if database.kind == "sqlite":
                assert kept == [[amount, "0.00000000", "-10.00"], [None, None, "-0.0000001"]]
            sums = book.database.read_now(posted_sums, book.accounts["a"])
            assert sum(one.amount for each in sums.values() for one in each) == Decimal(amount) - 10


@pytest.mark.parametrize("text", ["1.000000000000000001", "90000000000000.01", "9999999.99"])
def test_great_and_long_amounts_add_up(database: Database, text: str) -> None:
    """sync.md 15, 30: sums are exact, whether they fit an integer or not."""
    amount = Decimal(text)
    with ledger(database.url) as book:
        book.merge([row(str(number))._replace(amount=amount) for number in range(2000)])
        (found,) = book.database.read_now(posted_sums, book.accounts["a"])["EUR"]
        assert found.amount == 2000 * amount


def test_sums_begin_where_they_are_asked_to(database: Database) -> None:
    """sync.md 30: rows booked before the balance that is counted from are left out of the sums."""
    with ledger(database.url) as book:
        book.merge([row(str(day), booked_on=date(2026, 3, day)) for day in (1, 2, 3)])
        account = book.accounts["a"]
        sums = book.database.read_now(posted_sums, account, since=date(2026, 3, 2))
        assert sorted(one.day.day for one in sums["EUR"]) == [2, 3]


def test_every_character_comes_back(database: Database) -> None:
    """sync.md 8: tabs, line breaks, backslashes and what looks like a NULL are kept as they are."""
    odd = [
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\\",
        "\\N",
        "\\.",
        "\\t",
        "",
        " ",
        "\u2028",
        "é 東京 🏦",
        "'\"%s{}",
    ]
    rows = [row(str(n), description=text, reference=text) for n, text in enumerate(odd)]
    with ledger(database.url) as book:
        assert book.merge(rows) == Counts(inserted=len(odd))
        assert [(one.description, one.reference) for one in book.rows()] == [(t, t) for t in odd]
        assert book.merge(rows) == Counts(unchanged=len(odd))
