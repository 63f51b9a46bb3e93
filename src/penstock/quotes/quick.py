"""The short way for batches in JSON: plain rows, decoded once into a type, each made a quote.

It knows only what is usual: a positive number, a currency seen before, seconds since 1970 that are
over. Whatever is not like that is left to the long way (read.py), which decides and explains; so
this can only be faster, never different.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from penstock.domain.instrument import AMERICAN
from penstock.domain.quote import Quote
from penstock.quotes.declaration import Declaration, Json
from penstock.quotes.declared.path import is_of_row, steps_of
from penstock.quotes.figure import NOISE, is_noisy
from penstock.quotes.instants import UNDATED
from penstock.quotes.number import MOST_POWER
from penstock.quotes.symbol import Listing, Symbol

Row = Any
"""A struct of a type made here: symbol, price, currency, time and delay, as far as declared."""

_KEPT: Final = "_quick"
_SHORT: Final = 10
_FIELDS: Final[dict[str, Any]] = {
    "symbol": str | None,
    "price": msgspec.Raw,
    "currency": str | None,
    "time": int | None,
    "delay": int | None,
}
_NOTHING: Final[dict[str, Any]] = {
    "symbol": None,
    "price": msgspec.Raw(),
    "currency": None,
    "time": None,
    "delay": None,
}
_MOST_DELAY: Final = 2 * 24 * 60
"""In seconds or minutes: two days at most."""
_MOST_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class _Known:
    """What does not change about a symbol at a source."""

    names: tuple[str, ...]
    instrument: str
    venue: str | None


class _Plan:
    """How a source's batches are read, and what its currencies mean, as the long way found out."""

    def __init__(self, source: Declaration, way: Json, each: tuple[str, ...]) -> None:
        steps = {field: str(steps_of(path)[0]) for field, path in way.fields.items()}
        # No key of a document is like these: what has no path is never there.
        keys = {field: steps.get(field, f"\0{field}") for field in _FIELDS}
        fields = [(field, kind, _NOTHING[field]) for field, kind in _FIELDS.items()]
        kind: Any = list[msgspec.defstruct("Row", fields, rename=keys, gc=False)]  # type: ignore[misc]  # made here
        for step in reversed(each):
            kind = msgspec.defstruct("Part", [("below", kind)], rename={"below": step}, gc=False)
        self.source = source
        self.decoder = msgspec.json.Decoder(kind)
        self.depth = len(each)
        self.name = way.name
        self.constant = None if "currency" in steps else way.currency
        self.timed = source.time is not None
        self.unit = 60 if way.delay_in == "minutes" else 1
        declared = source.delay_seconds
        self.delay = None if declared is None else timedelta(seconds=declared)
        self.days = source.sane.max_age_days
        self.alike: dict[str, Quote] = {}
        self._known: dict[Symbol, _Known] = {}

    def known(self, symbol: Symbol) -> _Known:
        """Return what does not change about a symbol."""
        found = self._known.get(symbol)
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            names: tuple[str, ...] = ()
            venue = self.source.venue
            if isinstance(symbol, Listing):  # Pairs and ISINs have rules of their own.
                names = tuple(self.source.names(symbol))
                venue = venue or (symbol.mic if symbol.mic != AMERICAN else None)
            found = self._known[symbol] = _Known(names, symbol.instrument, venue)
        return found


class Quick:
    """The rows of one answer by the names of their symbols."""

    def __init__(self, plan: _Plan, node: Row, now: datetime) -> None:
        for _ in range(plan.depth):
            node = node.below
        rows: dict[str, Row | None] = {}
        for row in node:
            if row.symbol:
                name = row.symbol.upper()
                rows[name] = None if name in rows else row
        self._rows = rows
        self._plan = plan
        self._now = now
        self._latest = int(now.timestamp())
        # A price that is about too old is for the long way too.
        self._earliest = 0 if plan.days is None else self._latest - plan.days * 86_400 + 2

    def quote(self, symbol: Symbol, asked: str) -> Quote | None:
        """Return the quote of a symbol; None where the long way has to look."""
        plan = self._plan
        known = plan.known(symbol)
        row = self._row(known)
        if row is None:
            return None
        raw = str(row.price, "latin-1")
        alike = plan.alike.get(plan.constant or row.currency or "")
        if (
            alike is None
            or not raw.replace(".", "", 1).isdecimal()
            or len(raw) > MOST_POWER
            or (plan.timed and not self._earliest <= (row.time or -1) <= self._latest)
            or not (row.delay is None or 0 <= row.delay <= _MOST_DELAY)
            or not (price := Decimal(raw))
        ):
            return None
        return Quote(
            asked,
            price,
            alike.currency,
            alike.quoted_unit,
            datetime.fromtimestamp(row.time, UTC) if plan.timed else self._now,
            self._now,
            alike.source,
            plan.name,
            raw,
            alike.scale,
            alike.basis,
            known.venue,
            plan.delay if row.delay is None else _span(row.delay * plan.unit),
            _flags(raw, alike),
            known.instrument,
        )

    def _row(self, known: _Known) -> Row | None:
        rows, names = self._rows, known.names
        if len(names) == 1:
            return rows.get(names[0])
        found = [row for name in names if (row := rows.get(name)) is not None]
        return found[0] if len(found) == 1 else None

    def learn(self, symbol: Symbol, quote: Quote) -> None:
        """Learn from the long way what a currency means to this source."""
        row = self._row(self._plan.known(symbol))
        currency = self._plan.constant or (row.currency if row is not None else None)
        if currency and quote.extractor == self._plan.name:
            self._plan.alike.setdefault(currency, quote)


def _flags(raw: str, alike: Quote) -> tuple[str, ...]:
    undated = (UNDATED,) if UNDATED in alike.flags else ()
    return (NOISE, *undated) if len(raw) > _SHORT and is_noisy(raw) else undated


@lru_cache(maxsize=256)
def _span(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def quick_rows(source: Declaration, body: bytes, now: datetime) -> Quick | None:
    """Return the rows of an answer, None where the long way has to read all of it."""
    # The declaration keeps its plan, as it keeps what else was worked out from it once.
    if _KEPT not in source.__dict__:
        source.__dict__[_KEPT] = _plan_of(source)
    plan: _Plan | None = source.__dict__[_KEPT]
    if plan is None:
        return None
    try:
        return Quick(plan, plan.decoder.decode(body), now)
    except (msgspec.DecodeError, RecursionError):
        return None


def _plan_of(source: Declaration) -> _Plan | None:
    """Return a plan for a source that answers plain rows, None for any other."""
    way = source.extract[0]
    if not isinstance(way, Json) or way.each is None or not _is_usual(source, way):
        return None
    each = steps_of(way.each)
    rows = [steps_of(path) for path in way.fields.values() if is_of_row(path)]
    keys = [step for row in rows for step in row]
    plain = all(isinstance(step, str) and "{" not in step for step in (*each, *keys))
    own = len(set(keys)) == len(keys) == len(rows) == len(way.fields)
    return _Plan(source, way, tuple(map(str, each))) if plain and own else None


def _is_usual(source: Declaration, way: Json) -> bool:
    """Say whether a source has nothing that only the long way knows."""
    usual = way.fields.keys() <= _FIELDS.keys() and not way.requires
    told = bool(way.currency) and "{" not in (way.currency or "")
    kind = source.time.kind if source.time else None
    dated = ("time" in way.fields) == (kind == "epoch") and kind in (None, "epoch")
    return usual and told and dated and not source.guards.must_contain
