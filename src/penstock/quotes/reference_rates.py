"""The European Central Bank's documents of reference rates, of one day or of all since 1999.

The whole history is some megabytes: it is read in slices, a day in memory at a time, and yields
rates as they stand there, newest first. What is not exactly such a document is refused by name,
at the place where that is seen; who stores rates reads it through once before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from xml.parsers import expat

from penstock.domain.publisher import Edition, Publisher
from penstock.domain.quote import LayoutChanged
from penstock.domain.rate import EURO, OFFICIAL, Stated

_FOLDER: Final = "https://www.ecb.europa.eu/stats/eurofxref/"
DAILY: Final = f"{_FOLDER}eurofxref-daily.xml"
LAST_90_DAYS: Final = f"{_FOLDER}eurofxref-hist-90d.xml"
SINCE_1999: Final = f"{_FOLDER}eurofxref-hist.xml"

FIRST_DAY: Final = date(1999, 1, 4)
MOST_BYTES: Final = 32 * 1024 * 1024
MOST_DAYS: Final = 50_000
MOST_CURRENCIES: Final = 200
_DEEPEST: Final = 16
_SLICE: Final = 64 * 1024
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CODE: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)


@dataclass(slots=True)
class _Reader:
    """What was read since it was last asked for, and what must not come twice."""

    found: list[Stated] = field(default_factory=list)
    day: date | None = None
    days: set[date] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    depth: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise LayoutChanged("The document is nested deeper than a table of rates.")
        if name.rpartition(":")[2] != "Cube":
            return
        if "time" in attributes:
            self._begin(attributes["time"])
        if "currency" in attributes or "rate" in attributes:
            self.found.append(self._stated(attributes))

    def end(self, _name: str) -> None:
        self.depth -= 1

    def _begin(self, text: str) -> None:
        day = _day(text)
        if day in self.days:
            raise LayoutChanged(f"The document has two tables of {day}.")
        if len(self.days) == MOST_DAYS:
            raise LayoutChanged(f"The document has more than {MOST_DAYS} days.")
        self.days.add(day)
        self.day, self.codes = day, set()

    def _stated(self, attributes: dict[str, str]) -> Stated:
        code, rate = attributes.get("currency", ""), attributes.get("rate", "")
        if self.day is None:
            raise LayoutChanged("The document states a rate that is of no day.")
        if not _CODE.fullmatch(code) or code == EURO:
            raise LayoutChanged(f"{code[:20]!r} is no currency of a table of {self.day}.")
        if code in self.codes or len(self.codes) == MOST_CURRENCIES:
            raise LayoutChanged(f"The table of {self.day} states {code} twice, or too many.")
        if not _RATE.fullmatch(rate) or not Decimal(rate):
            raise LayoutChanged(f"{rate[:20]!r} is no rate for {code} of {self.day}.")
        self.codes.add(code)
        return Stated(self.day, code, Decimal(rate))


def read_rates(body: bytes) -> Iterator[Stated]:
    """Yield the rates of a document, a slice of it at a time.

    Raises LayoutChanged for anything that is no whole table of rates: then what came before may be
    of no worth either.
    """
    if len(body) > MOST_BYTES:
        raise LayoutChanged(f"The document has more than {MOST_BYTES} bytes.")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    for place in range(0, len(body), _SLICE):
        _feed(parser, body[place : place + _SLICE], is_last=False)
        yield from reader.found
        reader.found.clear()
    _feed(parser, b"", is_last=True)
    yield from reader.found
    if not reader.days:
        raise LayoutChanged("The document has no rates.")


def _feed(parser: expat.XMLParserType, part: bytes, *, is_last: bool) -> None:
    try:
        parser.Parse(part, is_last)
    except expat.ExpatError as error:
        raise LayoutChanged(f"The document is no whole XML: {error}.") from error


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or day < FIRST_DAY:
        raise LayoutChanged(f"{text[:20]!r} is no day of which there are rates.")
    return day


def _refuse_document_type(*_: object) -> None:
    """A document type can define entities that grow without end, and rates need none."""
    raise LayoutChanged("The document declares a type of its own, which rates do not need.")


EUROPEAN_CENTRAL_BANK: Final = Publisher(
    OFFICIAL,
    "The European Central Bank",
    [
        Edition("daily", DAILY, timedelta(0)),
        Edition("last-90-days", LAST_90_DAYS, timedelta(days=90)),
        Edition("since-1999", SINCE_1999),
    ],
    read_rates,
)
"""The reference rates: about thirty currencies, each working day (domain/target.py)."""
