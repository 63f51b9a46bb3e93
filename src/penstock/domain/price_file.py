"""Prices in a CSV file: strict, for a figure that is read wrongly is worth nothing.

The first line names the columns: security, day, price, currency, and basis if there is one. Commas
part them, days are YYYY-MM-DD, prices have a point and no thousands.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.quote import Basis
from penstock.domain.remedy import ask_person

COLUMNS: Final = ("security", "day", "price", "currency")
BASIS: Final = "basis"
MOST_LINES: Final = 50_000
_MOST_FAULTS: Final = 20
_LONGEST: Final = 200
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
PRICE: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
_CURRENCY: Final = re.compile(r"[A-Z][A-Z0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line: `security` is an id, an ISIN, a ticker or a name. `basis` None: as usual for it."""

    line: int
    security: str
    day: date
    price: Decimal
    currency: str
    basis: Basis | None


def parse(content: bytes) -> list[PriceLine]:
    """Read a file. Raises InvalidInput with every fault and its line, up to twenty of them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused([f"it is not UTF-8, from byte {error.start} on"]) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults: list[str] = []
    try:
        header = tuple(name.strip() for name in next(reader, []))
        if header not in {COLUMNS, (*COLUMNS, BASIS)}:
            raise refused([f"line 1: the columns must be {','.join(COLUMNS)}[,{BASIS}]"])
        lines = [(reader.line_num, cells) for cells in islice(reader, MOST_LINES + 1) if cells]
    except csv.Error as error:
        raise refused([f"line {reader.line_num}: {error}"]) from None
    if len(lines) > MOST_LINES:
        raise refused([f"it has more than {MOST_LINES} lines"])
    found = list(_read(lines, len(header), faults))
    if faults or not found:
        raise refused(faults or ["it has no prices"])
    return found


def _read(
    lines: Sequence[tuple[int, list[str]]], width: int, faults: list[str]
) -> Iterator[PriceLine]:
    for number, cells in lines:
        try:
            yield _line(number, cells, width)
        except ValueError as error:
            faults.append(f"line {number}: {error}")


def refused(faults: Sequence[str]) -> InvalidInput:
    """Return the error that lists faults."""
    shown = "; ".join(faults[:_MOST_FAULTS])
    more = len(faults) - _MOST_FAULTS
    rest = f"; and {more} more" if more > 0 else ""
    return InvalidInput(
        f"The file cannot be used: {shown}{rest}.",
        remedy=ask_person("Mend the file and import it again: nothing of it was stored."),
    )


def _line(number: int, cells: list[str], width: int) -> PriceLine:
    if len(cells) != width:
        raise ValueError(f"it has {len(cells)} cells, not {width}")
    security, day, price, currency, *rest = (cell.strip() for cell in cells)
    if not security or len(security) > _LONGEST or not security.isprintable():
        raise ValueError("the security is blank, or no text")
    if not PRICE.fullmatch(price):
        raise ValueError(f"{price[:40]!r} is no price: write it like 12.50")
    if not _CURRENCY.fullmatch(currency):
        raise ValueError(f"{currency[:40]!r} is no currency: write it like EUR")
    basis = rest[0] if rest else ""
    if basis not in {"", Basis.PER_SHARE, Basis.PERCENT_OF_PAR}:
        raise ValueError(f"{basis[:40]!r} is no basis: per_share, percent_of_par, or nothing")
    known = Basis(basis) if basis else None
    return PriceLine(number, security, _day(day), Decimal(price), currency, known)


def _day(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text[:40]!r} is no day: write it as YYYY-MM-DD")
