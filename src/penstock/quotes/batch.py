"""The quick way through a batch: rows of JSON, decoded into a type that is made for them.

It takes only what is beyond doubt: one row for the symbol, a plain number, a currency that is
known, an instant that is over and not too old. All else it leaves to the careful way (read.py),
which finds the same or says what is wrong: nothing is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from penstock.domain.currency_codes import CODES, MINOR_UNITS, SPELLINGS
from penstock.domain.quote import ONE, Basis, Quote
from penstock.quotes.declaration import Declaration, Json
from penstock.quotes.declared.path import is_of_row, is_path, steps_of
from penstock.quotes.symbol import Listing, Symbol

LEAST: Final = 4
"""For fewer symbols it is not worth its while."""

_FIELDS: Final[Mapping[str, Any]] = {
    "price": msgspec.Raw,
    "symbol": str,
    "currency": str | None,
    "time": int | None,
    "delay": int | None,
}
_MOST_SIGNS: Final = 10
"""A longer number may be what a narrow float left (figure.py), and then that has to be told."""

_LONGEST_DELAY: Final = 100_000
_POINT: Final = b"."
_PER_SHARE: Final = Basis.PER_SHARE

Unit = tuple[str, str, Decimal]
"""A unit, its currency, and how much of that a price of one is."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the rows are decoded, and how deep in the document they are."""

    decoder: "msgspec.json.Decoder[Any]"
    depth: int


def quick_quotes(
    source: Declaration, wanted: Mapping[Symbol, str], body: bytes, now: datetime
) -> dict[Symbol, Quote]:
    """Return the quotes of those symbols about which there is no doubt, in their order."""
    way = source.extract[0]
    if len(wanted) < LEAST or not isinstance(way, Json) or not _suits(source, way):
        return {}
    shape = _shape_of(way.each or "", tuple(way.fields.items()))
    if shape is None:
        return {}
    try:
        rows = _by_symbol(shape, body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return _Reader(source, way, now).quotes(wanted, rows)


class _Reader:
    """Reads row after row of one answer; what many have in common is looked up once."""

    def __init__(self, source: Declaration, way: Json, now: datetime) -> None:
        usual, days = source.delay_seconds, source.sane.max_age_days
        self._source = source
        self._way = way
        self._now = now
        self._oldest = now - timedelta(days=days) if days is not None else None
        self._units: dict[str | None, Unit | None] = {}
        self._instants: dict[int | None, datetime | None] = {None: None}
        self._delays: dict[int | None, timedelta | None] = {
            None: None if usual is None else timedelta(seconds=usual)
        }

    def quotes(self, wanted: Mapping[Symbol, str], rows: Mapping[str, Any]) -> dict[Symbol, Quote]:
        """Return what the rows say, but for the symbols whose row leaves a doubt."""
        source, extractor, now = self._source.id, self._way.name, self._now
        read: dict[Symbol, Quote] = {}
        for symbol, asked in wanted.items():
            name, venue = self._source.label(symbol)
            row = rows.get(name)
            if row is None or not isinstance(symbol, Listing):
                continue
            figure = bytes(row.price)
            if len(figure) > _MOST_SIGNS or not figure.replace(_POINT, b"", 1).isdigit():
                continue
            raw = figure.decode()
            price, unit = Decimal(raw), self._unit(row.currency)
            as_of, delay = self._instant(row.time), self._delay(row.delay)
            if not price or unit is None or as_of is None:
                continue
            if delay is None and row.delay is not None:
                continue
            code, currency, scale = unit
            read[symbol] = Quote(
                asked,
                price,
                currency,
                code,
                as_of,
                now,
                source,
                extractor,
                raw,
                scale,
                _PER_SHARE,
                venue,
                delay,
                (),
                symbol.instrument,
            )
        return read

    def _unit(self, written: str | None) -> Unit | None:
        if written not in self._units:
            self._units[written] = self._looked_up(written)
        return self._units[written]

    def _looked_up(self, written: str | None) -> Unit | None:
        constant = None if is_path(self._way.currency or "$") else self._way.currency
        named = written or constant or ""
        unit = SPELLINGS.get(named, named)
        declared = self._source.units.get(unit)
        if declared is not None:
            return unit, declared.currency, Decimal(declared.scale)
        return (unit, unit, ONE) if unit in CODES - MINOR_UNITS else None

    def _instant(self, seconds: int | None) -> datetime | None:
        if seconds not in self._instants:
            self._instants[seconds] = self._in_time(seconds or 0)
        return self._instants[seconds]

    def _in_time(self, seconds: int) -> datetime | None:
        if not 0 <= seconds <= self._now.timestamp():
            return None
        as_of = datetime.fromtimestamp(seconds, UTC)
        return as_of if self._oldest is None or as_of >= self._oldest else None

    def _delay(self, number: int | None) -> timedelta | None:
        if number not in self._delays:
            seconds = (number or 0) * (60 if self._way.delay_in == "minutes" else 1)
            fits = 0 <= seconds <= _LONGEST_DELAY
            self._delays[number] = timedelta(seconds=seconds) if fits else None
        return self._delays[number]


def _suits(source: Declaration, way: Json) -> bool:
    """Say whether the declaration asks for no more than what is looked at here."""
    timed = source.time is not None and source.time.kind == "epoch" and bool(way.time)
    constant = way.currency is None or is_path(way.currency) or "{" not in way.currency
    plain = not way.requires and way.fields.keys() <= _FIELDS.keys()
    usual = source.basis is Basis.PER_SHARE and not source.guards.must_contain
    return bool(way.each) and timed and constant and plain and usual


@lru_cache(maxsize=256)
def _shape_of(each: str, fields: tuple[tuple[str, str], ...]) -> _Shape | None:
    """Return how rows of single fields in a list are decoded; None where they are no such rows."""
    steps = steps_of(each)
    paths = {name: steps_of(path) for name, path in fields if is_of_row(path)}
    named = all(isinstance(step, str) for step in steps)
    single = all(len(path) == 1 and isinstance(path[0], str) for path in paths.values())
    if not named or not single or len(paths) < len(fields):
        return None
    made: Any = list.__class_getitem__(
        _row_of({name: str(path[0]) for name, path in paths.items()})
    )
    for step in reversed(steps):
        made = msgspec.defstruct("Part", [("part", made)], rename={"part": str(step)})
    return _Shape(msgspec.json.Decoder(made), len(steps))


def _row_of(names: Mapping[str, str]) -> Any:  # noqa: ANN401 - a type made for the rows
    """Make the type of a row. What the declaration does not name, no row has."""
    needed = ("price", "symbol")
    fields: list[Any] = [(name, _FIELDS[name]) for name in needed]
    fields += [(name, _FIELDS[name], None) for name in names if name not in needed]
    unnamed = dict.fromkeys(_FIELDS.keys() - names.keys())
    return msgspec.defstruct("Row", fields, rename=dict(names), namespace=unnamed, gc=False)


def _by_symbol(shape: _Shape, body: bytes) -> dict[str, Any]:
    """Return the rows by the names of their symbols in capital letters; of two alike, none."""
    part = shape.decoder.decode(body)
    for _ in range(shape.depth):
        part = part.part
    rows: dict[str, Any] = {}
    for row in part:
        name = row.symbol.upper()
        rows[name] = None if name in rows else row
    return rows
