"""Prices in tables of texts: CSV (RFC 4180), and the tables of a page."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from penstock.domain.currency_codes import CODES, SPELLINGS
from penstock.domain.quote import LayoutChanged, WrongSymbol
from penstock.quotes.declared.ways import Csv, Table
from penstock.quotes.found import Found

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

MOST_ROWS: Final = 20_000

Row = Sequence[str]


class Rows:
    """One answer, as one way of a declaration reads it."""

    def __init__(self, way: Csv | Table, rows: Sequence[Row]) -> None:
        """Take a table's rows, the first of which names the columns. Raises LayoutChanged."""
        if not rows or len(rows) > MOST_ROWS:
            raise LayoutChanged("The answer has no table, or one of another kind.")
        head, *body = rows
        self._way = way
        self._width = len(head)
        self._columns = {name.strip(): place for place, name in reversed([*enumerate(head)])}
        self._body = [row for row in body if any(cell.strip() for cell in row)]

    def find(self, words: Mapping[str, str], names: Collection[str]) -> Found | None:
        """Return what the table says of a symbol, None where it says nothing, or no price."""
        row = self._row(names)
        return None if row is None else self._found(row, words)

    def all(self, words: Mapping[str, str], names: Collection[str]) -> Iterator[Found]:
        """Yield what each row says that is about a symbol, or all where they name none."""
        column = self._way.symbol
        for row in self._body:
            if column and (self._cell(row, column) or "").upper() not in names:
                continue
            found = self._found(row, words)
            if found is not None:
                yield found

    def _found(self, row: Row, words: Mapping[str, str]) -> Found | None:
        way = self._way
        price = self._cell(row, way.price)
        if price is None:
            return None
        if len(row) != self._width:
            raise LayoutChanged(f"A row has {len(row)} cells, and the head {self._width}.")
        times = self._times
        parts = [self._cell(row, column) for column in times]
        if None in parts:
            return None
        currency = way.currency
        if currency and SPELLINGS.get(currency, currency) not in CODES:
            currency = words.get("quote") if currency == "{quote}" else self._cell(row, currency)
        return Found(
            extractor=way.name,
            price=price,
            currency=currency or None,
            time=" ".join(part for part in parts if part) or None if times else None,
            symbol=(self._cell(row, way.symbol) or "") if way.symbol else None,
        )

    @property
    def names_symbols(self) -> bool:
        """Whether its rows are of one symbol each."""
        return bool(self._way.symbol)

    def has(self, _: Mapping[str, str], names: Collection[str]) -> bool:
        """Say whether there is anything about a symbol at all."""
        return self._row(names) is not None

    def _row(self, names: Collection[str]) -> Row | None:
        if self._way.symbol:
            return next((row for name in names if (row := self._of(name)) is not None), None)
        if not self._body:
            return None
        return self._body[0 if self._way.row == "first" else -1]

    def _of(self, name: str) -> Row | None:
        rows = self._by_symbol.get(name)
        if not rows:
            return None
        chosen = rows[0 if self._way.row == "first" else -1]
        if any(self._rivals(row, chosen) for row in rows):
            raise WrongSymbol(f"The answer speaks of {name} twice.")
        return chosen

    def _rivals(self, row: Row, chosen: Row) -> bool:
        """Say whether another row is of the same symbol and instant."""
        if row is chosen:
            return False
        times = self._times
        return [self._cell(row, time) for time in times] == [
            self._cell(chosen, time) for time in times
        ]

    @property
    def _times(self) -> Sequence[str]:
        time = self._way.time
        return (time,) if isinstance(time, str) else time or ()

    @cached_property
    def _by_symbol(self) -> Mapping[str, Sequence[Row]]:
        rows: dict[str, list[Row]] = {}
        for row in self._body:
            name = (self._cell(row, self._way.symbol or "") or "").upper()
            rows.setdefault(name, []).append(row)
        return rows

    def _cell(self, row: Row, column: str) -> str | None:
        place = self._columns.get(column)
        if place is None or place >= len(row):
            return None
        return row[place].strip()


def rows_of_csv(way: Csv, body: bytes) -> Rows:
    """Read a CSV document, in UTF-8 with or without a mark. Raises LayoutChanged."""
    text = body.decode("utf-8-sig", "replace")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=way.delimiter, strict=True))
    except csv.Error as error:
        raise LayoutChanged(f"The answer is no table that can be read: {error}.") from error
    return Rows(way, [row for row in rows if row])


def rows_of_table(way: Table, page: "LexborHTMLParser") -> Rows:
    """Read the first table that a selector matches on a page. Raises LayoutChanged."""
    tables = page.css(way.select)
    if not tables:
        raise LayoutChanged("The page has not the table that the price was in.")
    rows = [
        [" ".join(cell.text().split()) for cell in row.css("th, td")]
        for row in tables[0].css("tr")
        # A foot repeats the head, or adds the rows up: it is about no day and no symbol.
        if row.parent is None or row.parent.tag != "tfoot"
    ]
    return Rows(way, [row for row in rows if row])
