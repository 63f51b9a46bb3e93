"""What a source is asked for the closes of days that are over, and where they stand."""

from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from penstock.quotes.declared.part import require
from penstock.quotes.declared.path import is_of_row, is_path, steps_of
from penstock.quotes.declared.template import (
    ASKED,
    ISIN,
    LISTING,
    PAIR,
    WORDS,
    check_words,
    words_in,
)
from penstock.quotes.declared.terms import Time
from penstock.quotes.declared.ways import Csv, Table, is_currency
from penstock.quotes.manners import Strict
from penstock.quotes.symbol import Kind

_SPAN: Final = frozenset(["from", "to"])
_MOST_DAYS: Final = 36_600


class Days(Strict, frozen=True, tag_field="kind", tag="json"):
    """Follows paths in JSON to the days and their closes, as `json` of an `[[extract]]` does.

    `each` leads to the rows, a list or an object, and `time` and `price` begin with `@` then; where
    the name of a row in an object is its day, `time` is `key`. Without `each`, both lead to lists
    of the same length. A close that is null, 0 or missing is none. `currency` may also be a code or
    `{quote}`; `symbol` and `venue` have to be those that were asked about.
    """

    name: str
    time: str
    price: str
    each: str | None = None
    currency: str | None = None
    symbol: str | None = None
    venue: str | None = None

    def __post_init__(self) -> None:
        whole = (self.each, self.symbol, self.venue)
        for path in filter(None, (*whole, self.price, *self.row_time)):
            steps_of(path)
            check_words(path, WORDS, path)
        if self.currency and is_path(self.currency):
            steps_of(self.currency)
        rows = [is_of_row(path) for path in (self.price, *self.row_time)]
        require(
            problems={
                "with each, time and price are paths with @; without it, with $": any(rows)
                != bool(self.each)
                or any(rows) != all(rows),
                "each, symbol and venue begin with $": any(map(is_of_row, filter(None, whole))),
                "currency is a path with $, a code or {quote}": bool(self.currency)
                and not is_currency(self.currency or "")
                and not (self.currency or "").startswith("$"),
            }
        )

    @property
    def row_time(self) -> tuple[str, ...]:
        """The path to the day, none where it is the row's own name."""
        return () if self.time == "key" and self.each else (self.time,)


class Splits(Strict, frozen=True):
    """Where the answer tells of splits: `new` shares for `old` ones from the day `time` on."""

    each: str
    time: str
    new: str
    old: str

    def __post_init__(self) -> None:
        for path in (self.each, self.time, self.new, self.old):
            steps_of(path)
        if is_of_row(self.each) or not all(map(is_of_row, (self.time, self.new, self.old))):
            raise ValueError("each begins with $, time, new and old with @")


class History(Strict, frozen=True):
    """The address of past days' closes for each kind of symbol, and where they stand.

    `{from}` and `{to}` are the first day that is asked for, up to 14 before those that are wanted,
    and the one after the last, as `between` says: 2026-08-07, or seconds since 1970. At most `days`
    go into one request; further back than `reach` days the source tells nothing. Closes are as they
    were paid, never adjusted. Where the source adjusts its closes for splits, `splits` says where
    it tells all of them: they are taken out again, for which it is always asked up to the present.
    A source that adjusts for anything else, or does not tell its splits, cannot be used.

    `time` is how days are written: an instant is one of the day in the market's zone. With
    `at_end` it is when the day ended, so that midnight belongs to the day before.
    """

    extract: Days | Csv | Table
    time: Time
    listing: str | None = None
    pair: str | None = None
    coin: str | None = None
    isin: str | None = None
    between: Literal["date", "epoch"] = "date"
    days: int = 366
    reach: int | None = None
    at_end: bool = False
    splits: Splits | None = None

    def __post_init__(self) -> None:
        kinds = {"listing": LISTING, "pair": PAIR, "coin": PAIR, "isin": ISIN}
        for kind, words in kinds.items():
            template: str | None = getattr(self, kind)
            if template is not None:
                check_words(template, words | ASKED | _SPAN, kind)
        require(
            problems={
                "history has an address for a kind of symbol": not self.addresses,
                "history is of one symbol a request: {symbol}, not {symbols}": any(
                    "symbols" in words_in(address) for address in self.addresses
                ),
                f"days and reach are 1 to {_MOST_DAYS}": not 1 <= self.days <= _MOST_DAYS
                or not 1 <= (self.reach or 1) <= _MOST_DAYS,
                "splits stand in JSON": self.splits is not None
                and not isinstance(self.extract, Days),
                "extract says when each price was one": not self.extract.time,
            }
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """All address templates."""
        return tuple(filter(None, (self.listing, self.pair, self.coin, self.isin)))

    def template(self, kind: Kind) -> str | None:
        """Return the address template for a kind of symbol."""
        own: str | None = getattr(self, kind)
        return own or (self.pair if kind == "coin" else None)

    def begin(self, first: date, last: date, today: date) -> date | None:
        """Return from which day on up to `last` one request may ask; None: it tells none of it."""
        days = _MOST_DAYS if self.splits else self.days
        furthest = today - timedelta(days=self.reach or _MOST_DAYS)
        begin = max(first, last - timedelta(days=days - 1), furthest)
        return begin if begin <= last else None

    def spanned(self, template: str, first: date, last: date, zone: ZoneInfo, now: datetime) -> str:
        """Put the days into a template; of days that are over where the market is."""
        end = now.astimezone(zone).date() if self.splits else last
        begin, after = first, end + timedelta(days=1)
        if self.between == "date":
            return template.replace("{from}", f"{begin}").replace("{to}", f"{after}")
        # A day's own end may be told a moment after it.
        until = min(_epoch(after, zone) + 3600, int(now.timestamp()))
        return template.replace("{from}", f"{_epoch(begin, zone)}").replace("{to}", f"{until}")


def _epoch(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(0), zone).timestamp())
