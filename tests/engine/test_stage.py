"""What waits for the end of an update comes out as it went in."""

import os
import stat
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from penstock.db.staging import SEEN
from penstock.db.sums import posted_sums
from penstock.db.transactions import transactions
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.money import canonical
from penstock.domain.request import Response
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Page
from penstock.engine.packing import unpack_answer
from penstock.engine.stage import Stage
from tests.databases import Database
from tests.db.merging import ledger, row

FILES = Path("/proc/self/fd")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
maybe = st.none() | texts
days = st.none() | st.dates()
amounts = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2)
upserts = st.builds(
    TransactionSeen,
    account=texts,
    external_id=texts.filter(bool),
    status=st.sampled_from(Status),
    amount=amounts,
    currency=st.sampled_from(["EUR", "USD"]),
    booked_on=days,
    value_on=days,
    authorized_on=days,
    description=texts,
    counterparty=maybe,
    category=maybe,
    reference=maybe,
    original_amount=st.none() | amounts,
    original_currency=maybe,
    pending_external_id=maybe,
)
removals = st.builds(Removal, texts, texts)
pages = st.builds(
    Page,
    upserts=st.lists(upserts, max_size=4),
    removed=st.lists(removals, max_size=3),
    next_cursor=st.none(),
    more=st.booleans(),
)


def flat(stage: Stage) -> list[tuple[bool, list[str | None]]]:
    """Return every staged row with whether it is a removal, in order."""
    return [(batch.removal, row) for batch in stage.batches() for row in batch.rows()]


def expected(some: Iterable[Page]) -> list[tuple[bool, list[str | None]]]:
    """Return the same from the pages themselves."""
    found: list[tuple[bool, list[str | None]]] = []
    for page in some:
        found += [(False, [_text(value) for value in seen]) for seen in page.upserts]
        found += [(True, [_text(value) for value in gone]) for gone in page.removed]
    return found


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\0", "\ufffd")


@given(st.lists(pages, max_size=6), st.sampled_from([0, 1, 200, 1 << 20]))
def test_what_goes_in_comes_out_in_order(some: list[Page], in_memory: int) -> None:
    """sync.md 2, 9: every row of every page, exact, in the order of arrival, spooled or not.

    It can be read twice, and added to after it was read: the long way of a merge reads it again.
    """
    with Stage(in_memory) as stage:
        for number, page in enumerate(some):
            stage.add(page)
            assert stage.pages == number + 1
            if number % 2:
                assert flat(stage) == expected(some[: number + 1])
        assert flat(stage) == expected(some)
        assert flat(stage) == expected(some)


def test_the_columns_are_those_of_the_staging_table() -> None:
    """What is packed by place is unpacked by place: the two lists of names are one."""
    assert TransactionSeen._fields == ("account", *SEEN)
    assert Removal._fields == ("account", "external_id")


def test_what_is_thrown_away_is_gone() -> None:
    """sync.md 3: an update that starts over starts from nothing, balances included."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    balance = BalanceSeen("a", BalanceKind.CURRENT, Decimal(1), "EUR", now, now.date())
    with Stage(0) as stage:
        stage.add(Page([row("1")], [], None, more=True))
        stage.balances.append(balance)
        stage.clear()
        assert (stage.pages, stage.balances, flat(stage)) == (0, [], [])
        stage.add(Page([row("2")], [], None, more=False))
        assert [values[1] for _, values in flat(stage)] == ["2"]


@pytest.mark.skipif(not FILES.exists(), reason="only Linux shows a process its open files")
def test_the_file_is_private_and_vanishes() -> None:
    """sync.md 2: beyond the bound pages go to a file without a name, that nobody else can open."""

    def opened() -> dict[int, os.stat_result]:
        found = {}
        for number in (int(path.name) for path in FILES.iterdir()):
            try:
                found[number] = os.fstat(number)
            except OSError:  # the listing's own, which is closed again
                continue
        return found

    def new() -> list[os.stat_result]:
        known = before.keys()
        return [one for number, one in opened().items() if number not in known]

    before = opened()
    with Stage(1_000) as stage:
        stage.add(Page([row("1")], [], None, more=True))
        assert new() == [], "it is written to disk before it has to be"
        for number in range(50):
            stage.add(Page([row(f"many-{number}")], [], None, more=True))
        (file,) = new()
        assert stat.S_ISREG(file.st_mode)
        assert stat.S_IMODE(file.st_mode) & 0o077 == 0
        assert file.st_nlink == 0
        assert file.st_size > 1_000
        assert len(flat(stage)) == 51
        stage.clear()
        assert new() == []
        for number in range(50):
            stage.add(Page([row(f"again-{number}")], [], None, more=True))
        assert len(new()) == 1
    assert new() == []


def test_memory_stays_flat() -> None:
    """sync.md 2: rows beyond the bound take no memory: neither as objects, nor packed."""
    rows = [row(f"{number:05}", description="x" * 50) for number in range(500)]
    with Stage(64 * 1024) as stage:
        tracemalloc.start()
        try:
            for _ in range(20):
                stage.add(Page(rows, [], None, more=True))
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        packed = sum(len(batch.packed) for batch in stage.batches())
    assert packed > 900_000
    assert kept < 64 * 1024
    assert peak < 500_000


def _answer(name: int, size: int = 100_000, **headers: str) -> Response:
    return Response(200, headers, b"%d" % name * size, f"https://bank.example/{name}")


def test_answers_come_out_as_they_were_heard() -> None:
    """sync.md 18: each once and in order, however many were packed while more came."""
    heard = [_answer(name) for name in range(20)]
    with Stage() as stage, Stage() as beside:
        for one in heard:
            stage.hear(one)
            beside.hear(_answer(99))
        for _ in range(2):
            assert [unpack_answer(packed) for packed in stage.answers()] == heard


def test_an_update_that_starts_over_keeps_no_answer_of_before() -> None:
    """sync.md 3, 18: nor one that was being packed at that moment."""
    with Stage() as stage:
        stage.hear(_answer(1, 1_000_000))
        stage.clear()
        stage.hear(_answer(2))
        assert [unpack_answer(packed) for packed in stage.answers()] == [_answer(2)]


def test_an_answer_that_cannot_be_packed_is_not_left_out() -> None:
    """sync.md 18: there is no archive without it: whoever asks for the answers hears of it."""
    with Stage() as stage:
        stage.hear(_answer(1, 1_000_000, broken="\ud800"))
        for _ in range(2):
            with pytest.raises(UnicodeEncodeError):
                list(stage.answers())


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_nul_characters_are_stored_as_what_can_be(database: Database, in_memory: int) -> None:
    """sync.md 8: a row with NUL characters is kept, on PostgreSQL too, which keeps none of them."""
    with ledger(database.url) as book:
        book.stage_memory = in_memory
        for merge in (book.merge, book.merge):
            merge([row("1", description="a\0b", counterparty="\0"), row("2")])
        assert [(one.description, one.counterparty) for one in book.rows()] == [
            ("a\ufffdb", "\ufffd"),
            ("Row 2", None),
        ]
        assert book.log[1].unchanged == 2


SMALL = [("BTC", "-0.00000010"), ("BTC", "0"), ("ETH", "0.000000000000000001"), ("EUR", "1E-7")]


@pytest.mark.parametrize(("currency", "amount"), SMALL)
def test_small_amounts_stay_what_they_are(database: Database, currency: str, amount: str) -> None:
    """sync.md 15: an amount of many decimals is written without an exponent, and adds up."""
    money = canonical(Decimal(amount), currency)
    rows = [row(f"{n}", currency=currency)._replace(amount=money) for n in range(3)]
    with ledger(database.url) as book:
        for merge in (book.merge, book.merge):
            merge(rows)
        assert book.log[1].unchanged == 3
        sums = book.database.read_now(_sums, book.accounts["a"])
        assert sums == money * 3
        texts = book.database.read_now(_texts)
        assert texts == {f"{money:f}"}


def _sums(connection: sa.Connection, account_id: int) -> Decimal:
    found = posted_sums(connection, account_id)
    return sum((one.amount for each in found.values() for one in each), Decimal(0))


def _texts(connection: sa.Connection) -> set[str]:
    query = sa.select(sa.cast(transactions.c.amount, sa.Text()))
    return set(connection.execute(query).scalars())
