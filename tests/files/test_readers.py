"""Every reader: the same rows from each format, and a clear refusal of anything else."""

import contextlib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.domain.imported import FileRow
from penstock.files.mapping import mapping_of
from penstock.files.reading import FORMATS, How, read, sniff
from tests.files.samples import COFFEE, PAY, TICKET, TWIN, Row
from tests.files.writing import MAPPING, WRITERS

HOW = How(currency="EUR", order="mdy", mapping=mapping_of(MAPPING))
ROWS = (COFFEE, TICKET, TWIN, PAY, ("F5", date(2026, 12, 31), "-12345.67", "Müller & Söhne"))
words = st.text("abc ÄöäÜß&,;'\"<", min_size=1, max_size=20).map(lambda one: f"x{one.strip()}")
days = st.dates(date(2020, 1, 1), date(2029, 12, 31))
cents = st.integers(-10_000_000, 10_000_000).map(lambda one: f"{Decimal(one) / 100:.2f}")
amounts = cents.filter(lambda one: Decimal(one) != 0)


def how(name: str) -> How:
    """Return what a person says of a file of this format."""
    return How(name, HOW.currency, HOW.order, HOW.decimal, HOW.mapping)


def said(rows: list[FileRow]) -> list[tuple[date, Decimal, str]]:
    """Return what every format can say of a row."""
    return [(row.booked_on, row.amount, " ".join(row.description.split())) for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_tells_the_same(name: str) -> None:
    """Day, amount, currency and words come out of each format as they went in."""
    [found] = read(WRITERS[name](ROWS), how(name)).statements
    assert said(list(found.rows)) == [(day, Decimal(amount), text) for _, day, amount, text in ROWS]
    assert {row.currency for row in found.rows} == {"EUR"}
    ids = [row[0] for row in ROWS] if name in ("ofx", "camt") else [""] * len(ROWS)
    assert [row.id for row in found.rows] == ids


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_known_by_what_stands_in_it(name: str) -> None:
    """Its name is not asked; a CSV shows nothing, and must be said how to read."""
    assert sniff(WRITERS[name](ROWS)) == (None if name == "csv" else name)
    assert sniff(b"\xef\xbb\xbf" + WRITERS[name](ROWS)) == (None if name == "csv" else name)


@pytest.mark.parametrize("name", ["ofx", "camt", "mt940", "qif"])
@given(rows=st.lists(st.tuples(st.just(""), days, amounts, st.just("Shop 17")), max_size=8))
def test_whatever_is_written_is_read(name: str, rows: list[Row]) -> None:
    """Any days and amounts: exact, in order, none lost."""
    if not rows and name == "qif":
        return
    [found] = read(WRITERS[name](rows), how(name)).statements
    assert said(list(found.rows)) == [(row[1], Decimal(row[2]), row[3]) for row in rows]


@given(rows=st.lists(st.tuples(st.just(""), days, amounts, words), max_size=8))
def test_a_csv_is_read_to_the_letter(rows: list[Row]) -> None:
    """Delimiters, quotes and letters inside words change nothing."""
    [found] = read(WRITERS["csv"](rows), how("csv")).statements
    assert [row.description for row in found.rows] == [row[3] for row in rows]
    assert [row.amount for row in found.rows] == [Decimal(row[2]) for row in rows]


@given(content=st.binary(max_size=400), name=st.sampled_from(["", *FORMATS]))
@example(content=b"<OFX></OFX>", name="ofx")
@example(content=b"\xff\xfe", name="")
@example(content=b"", name="csv")
def test_bytes_of_any_kind_are_refused_in_words(content: bytes, name: str) -> None:
    """Nothing but InvalidInput comes out of a reader, and it says what to do or what is wrong."""
    with contextlib.suppress(InvalidInput):
        assert read(content, how(name)).format in FORMATS


@given(
    name=st.sampled_from(FORMATS),
    cut=st.integers(0, 2000),
    width=st.integers(0, 12),
    put=st.binary(max_size=12),
)
def test_a_damaged_file_is_read_or_refused(name: str, cut: int, width: int, put: bytes) -> None:
    """Some bytes of a good file replaced: it is refused in words, or read whole."""
    good = WRITERS[name](ROWS)
    at = cut % len(good)
    with contextlib.suppress(InvalidInput):
        found = read(good[:at] + put + good[at + width :], how(name))
        assert all(row.amount.is_finite() for one in found.statements for row in one.rows)


@pytest.mark.parametrize("name", ["ofx", "camt", "mt940"])
def test_a_file_that_is_cut_short_is_refused(name: str) -> None:
    """Wherever it ends before its end, none of it is taken for all of it."""
    good = WRITERS[name](ROWS).rstrip(b"\r\n-")
    for end in range(len(good) // 3, len(good) - 2, 7):
        with pytest.raises(InvalidInput):
            read(good[:end], how(name))


def test_a_path_in_a_file_opens_no_other_file(tmp_path: object) -> None:
    """What stands in a file is content: a library that takes paths is given none."""
    with pytest.raises(InvalidInput):
        read(f"{tmp_path}".encode(), how("mt940"))


def test_a_number_that_is_none_is_refused() -> None:
    """NaN, infinities and amounts of forty digits are no money."""
    for amount in ("NaN", "Infinity", "1e9", "9" * 40, "", "--1"):
        row = ("F", date(2026, 11, 2), amount, "X")
        with pytest.raises(InvalidInput, match="Line"):
            read(WRITERS["ofx"]([row]), how("ofx"))


def test_of_a_qif_file_only_whole_rows_are_read() -> None:
    """It has no end of its own: where it stops within a row it is refused."""
    good = WRITERS["qif"](ROWS)
    whole = {len(good[: place + 1]) for place, one in enumerate(good) if one == ord("^")}
    for end in range(len(b"!Type:Bank\nD1"), len(good) - 2):
        if end in whole or end - 1 in whole:
            assert read(good[:end], how("qif")).statements
        else:
            with pytest.raises(InvalidInput):
                read(good[:end], how("qif"))
