"""The central bank's documents: read a slice at a time, and refused where they are not exact."""

import tracemalloc
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from penstock.domain.quote import LayoutChanged
from penstock.domain.rate import Stated
from penstock.quotes.reference_rates import MOST_BYTES, read_rates
from tests.quotes.answers import recorded
from tests.quotes.history import document, history

GOLDEN = (
    Path(__file__).parents[3] / "shared" / "data" / "market" / "ecb_eurofxref-daily_2022-07-08.xml"
)


def test_a_days_document_is_read_to_the_digit() -> None:
    """Each rate of a recorded day is there, with its digits and its day."""
    found = list(read_rates(recorded("ecb-daily.xml")))
    assert [(one.currency, str(one.rate)) for one in found] == [
        *(("USD", "1.2500"), ("JPY", "175.00"), ("GBP", "0.8000")),
        *(("CHF", "0.9300"), ("IDR", "19210.73")),
    ]
    assert {one.day for one in found} == {date(2026, 11, 20)}


@pytest.mark.skipif(not GOLDEN.exists(), reason="the real recordings are not here")
def test_a_real_document_is_read() -> None:
    """A real day of 2022 has 31 rates, the kuna and 4.7630 zloty with its zero among them."""
    found = {one.currency: one for one in read_rates(GOLDEN.read_bytes())}
    assert len(found) == 31
    assert found["HRK"] == Stated(date(2022, 7, 8), "HRK", Decimal("7.5190"))
    assert str(found["PLN"].rate) == "4.7630"


def test_a_history_is_read_in_its_order() -> None:
    """Each day's table of a longer document comes, newest first, as it stands there."""
    last = date(2026, 11, 20)
    found = list(read_rates(history(last, days=200)))
    assert found[0].day == last
    assert len({one.day for one in found}) == 200
    assert [one.day for one in found] == sorted((one.day for one in found), reverse=True)


def test_a_long_history_is_never_whole_in_memory() -> None:
    """What is held while reading is a slice, whatever the document's length."""

    def held(body: bytes) -> int:
        tracemalloc.start()
        try:
            for _ in read_rates(body):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = (history(date(2026, 11, 20), days=days) for days in (300, 2400))
    assert len(long) > 7 * len(short)
    assert held(long) < 2 * held(short) + 500_000


def test_a_history_without_the_rates_of_a_currency_has_none() -> None:
    """A currency that joins late or ends early is simply not there on other days."""
    body = document({"2026-11-20": {"USD": "1.25"}, "2022-03-01": {"RUB": "117.2010"}})
    assert [one.currency for one in read_rates(body)] == ["USD", "RUB"]


BAD_RATES = (
    *("", "0", "0.000", "-1.25", "NaN", "Infinity", "N/A"),
    *("1,25", "1e5", "1.25 ", "\u0663"),
)
BAD_DAYS = (
    *("", "20.11.2026", "2026-02-30", "2026-1-1", "1998-12-31", "20261120"),
    "2026-11-2\u0660",
)


def hostile() -> Iterator[tuple[str, bytes, str]]:
    """Yield documents that are none: a name, the bytes, and what the refusal says."""
    day = "2026-11-20"
    one = document({day: {"USD": "1.25"}})
    yield "entities", recorded("entities.xml"), "type of its own"
    yield "entities in UTF-16", recorded("entities.xml").decode().encode("utf-16"), "type of its"
    yield "external", b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "type of its own"
    yield "cut", history(date(2026, 11, 20), days=50)[:-40], "no whole XML"
    yield "cut in a day", history(date(2026, 11, 20), days=50)[:3000], "no whole XML"
    yield "empty", b"", "no whole XML"
    yield "page", b"<html><body><p>Sorry<br></body>", "no whole XML"
    yield "no rates", b"<Envelope/>", "no rates"
    yield "bytes", b"\xff\xfe\x00\x01", "no whole XML"
    yield "two after another", one + one, "no whole XML"
    yield "deep", b"<a>" * 20 + b"</a>" * 20, "nested deeper"
    yield "huge", b" " * (MOST_BYTES + 1), "more than"
    twice = one.replace(b"<Cube currency", b"<Cube currency='USD' rate='1.25'/><Cube currency", 1)
    yield "rate twice", twice, "USD twice"
    tables = one.replace(b"</Cube></Cube>", b"</Cube><Cube time='2026-11-20'/></Cube>")
    yield "day twice", tables, "two tables of 2026-11-20"
    for rate in [
        "",
        "0",
        "0.000",
        "-1.25",
        "NaN",
        "Infinity",
        "N/A",
        "1,25",
        "1e5",
        "1.25 ",
        "\u0663",
    ]:
        yield f"rate {rate!r}", document({day: {"USD": rate}}), "is no rate for USD"
    yield "long rate", document({day: {"USD": "1" * 5000}}), "is no rate for USD"
    for code in ["", "EUR", "usd", "USDT", "U$D"]:
        yield f"code {code!r}", document({day: {code: "1.25"}}), "is no currency"
    for odd in [
        "",
        "20.11.2026",
        "2026-02-30",
        "2026-1-1",
        "1998-12-31",
        "20261120",
        "2026-11-2\u0660",
    ]:
        yield f"day {odd!r}", document({odd: {"USD": "1.25"}}), "is no day"
    yield "no day", b"<x><Cube currency='USD' rate='1'/></x>", "of no day"


HOSTILE = list(hostile())


@pytest.mark.parametrize(
    ("body", "says"), [one[1:] for one in HOSTILE], ids=[one[0] for one in HOSTILE]
)
def test_what_is_no_table_of_rates_is_refused(body: bytes, says: str) -> None:
    """Entities, cut and endless documents, doubled or impossible rates: refused, and named."""
    with pytest.raises(LayoutChanged, match=says):
        for _ in read_rates(body):
            pass
