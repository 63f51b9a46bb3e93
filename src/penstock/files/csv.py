"""CSV by a saved mapping: each line is read exactly as it says, or the file is refused there."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from penstock.domain.balance import BalanceKind
from penstock.domain.errors import InvalidInput
from penstock.domain.imported import FileRow, Holder, Stated, Statement
from penstock.files import number
from penstock.files.days import day_by
from penstock.files.mapping import Mapping
from penstock.files.number import Marks
from penstock.files.text import decode_as, known
from penstock.files.trouble import shown, unreadable

_MOST_FIELD: Final = 100_000
Line = tuple[int, list[str]]


def read(content: bytes, mapping: Mapping, currency: str = "") -> list[Statement]:
    """Read a file; `currency` is that of rows of which nobody says it. Raises InvalidInput."""
    text = decode_as(content, known(mapping.encoding) or "utf-8")
    lines = lines_of(text, mapping.delimiter, mapping.quote, skip=mapping.skip)
    header: list[str] = []
    if mapping.header:
        if not lines:
            raise unreadable(mapping.skip + 1, "there is no header in this file.")
        header = lines.pop(0)[1]
    kept = lines[: len(lines) - mapping.skip_end] if mapping.skip_end else lines
    columns = _Columns(header)
    rows = [_row(line, columns, mapping, currency) for line in kept]
    currencies = {row.currency for row in rows}
    if len(currencies) > 1:
        raise unreadable(
            "This file",
            f"it holds rows in {', '.join(sorted(currencies))}.",
            "Split it by account.",
        )
    said = next(iter(currencies), mapping.currency or currency)
    return [Statement(Holder(currency=said), rows, balances=list(_balances(rows)))]


def lines_of(text: str, delimiter: str, quote: str, *, skip: int = 0) -> list[Line]:
    """Return the lines that are not blank, each with its number and its fields.

    Raises InvalidInput.
    """
    before = text.split("\n", skip)
    if len(before) <= skip:
        return []
    csv.field_size_limit(_MOST_FIELD)
    source = io.StringIO(before[skip], newline="")
    reader = csv.reader(source, delimiter=delimiter, quotechar=quote, strict=True)
    found: list[Line] = []
    try:
        found.extend((skip + reader.line_num, fields) for fields in reader if any(fields))
    except csv.Error as error:
        line = skip + reader.line_num
        raise unreadable(line, f"it is no line of such a file ({error}).") from None
    return found


class _Columns:
    """Finds columns by their name in the header, or by their number."""

    def __init__(self, header: Sequence[str]) -> None:
        self.names = [name.strip() for name in header]

    def get(self, line: Line, name: str) -> str:
        """Return a field. Raises InvalidInput where there is no such column in it."""
        if not name:
            return ""
        number_, fields = line
        place = self._place(name)
        wanted = len(self.names) or place + 1
        if len(fields) < wanted or (self.names and any(one.strip() for one in fields[wanted:])):
            raise unreadable(
                number_,
                f"it has {len(fields)} fields, and not {wanted}.",
                "Leave lines that are none out: `skip` at the beginning, `skip_end` at the end.",
            )
        return fields[place].strip()

    def _place(self, name: str) -> int:
        found = [place for place, one in enumerate(self.names) if one == name]
        if len(found) == 1:
            return found[0]
        if not found and re.fullmatch("[1-9][0-9]{0,2}", name):
            return int(name) - 1
        known_ones = ", ".join(shown(one) for one in self.names) or "none: name it by its number"
        many = "more than one column" if found else "no column"
        raise InvalidInput(f"There is {many} {shown(name)} in this file; there are: {known_ones}.")


def _row(line: Line, columns: _Columns, mapping: Mapping, currency: str) -> FileRow:
    place = line[0]
    said = columns.get(line, mapping.currency_column).upper() or mapping.currency or currency
    if not re.fullmatch("[A-Z]{3}", said):
        raise unreadable(
            place,
            "nobody says in which currency it is.",
            "Say it: `--currency EUR`, or `currency=EUR` in the mapping.",
        )
    amount = number.exact(_amount(line, columns, mapping), said, place)
    valued = columns.get(line, mapping.value_date)
    texts = [columns.get(line, name.strip()) for name in mapping.description.split("+")]
    after = columns.get(line, mapping.balance)
    return FileRow(
        line=place,
        id=columns.get(line, mapping.id),
        booked_on=day_by(columns.get(line, mapping.date), mapping.date_format, place),
        amount=amount,
        currency=said,
        description=" ".join(filter(None, texts)),
        value_on=day_by(valued, mapping.date_format, place) if valued else None,
        counterparty=columns.get(line, mapping.counterparty) or None,
        reference=columns.get(line, mapping.reference) or None,
        category=columns.get(line, mapping.category) or None,
        balance=_number(after, mapping, place) if after else None,
    )


def _amount(line: Line, columns: _Columns, mapping: Mapping) -> Decimal:
    """Return a row's amount, + towards the holder."""
    place = line[0]
    if mapping.amount:
        amount = _number(columns.get(line, mapping.amount), mapping, place)
        if mapping.direction:
            word = columns.get(line, mapping.direction).casefold()
            outward = {one.strip().casefold() for one in mapping.debit_words.split(",")}
            if amount < 0:
                raise unreadable(place, "it has a sign, and a direction besides.")
            amount = -amount if word in outward else amount
        return -amount if mapping.sign == "inverted" else amount
    debit, credit = columns.get(line, mapping.debit), columns.get(line, mapping.credit)
    if bool(debit) == bool(credit):
        values = [_number(one, mapping, place) for one in (debit, credit) if one]
        if not values or all(values):
            raise unreadable(place, "either the debit or the credit column must hold an amount.")
        return values[1] - values[0]
    amount = _number(debit or credit, mapping, place)
    if amount < 0:
        raise unreadable(place, "a debit or a credit is written without a sign.")
    return -amount if debit else amount


def _number(text: str, mapping: Mapping, line: int) -> Decimal:
    return number.amount_by(text, Marks(mapping.decimal, mapping.thousands), line)


def _balances(rows: Sequence[FileRow]) -> Iterator[Stated]:
    """Return what stood at the end of the last day, where rows say what stood after them.

    They may run forwards or backwards: only where each follows from the one before is it told.
    """
    known_ones = [row for row in rows if row.balance is not None]
    if not known_ones or len(known_ones) != len(rows):
        return
    for order in (list(rows), list(rows)[::-1]):
        if _runs(order):
            last = order[-1]
            amount = number.exact(last.balance or Decimal(0), last.currency, last.line)
            yield Stated(BalanceKind.CURRENT, amount, last.currency, last.booked_on)
            return


def _runs(rows: Sequence[FileRow]) -> bool:
    return all(
        before.balance is not None
        and after.balance == before.balance + after.amount
        and before.booked_on <= after.booked_on
        for before, after in pairwise(rows)
    )
