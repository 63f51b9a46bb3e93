"""Prices as `penstock quote` writes them: a line each, and the way there in words."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.cli.failure import printable
from penstock.cli.listing import Column
from penstock.cli.words import age, counted, minute, remedy_text

Row = dict[str, Any]

_LONGEST_RAW: Final = 80
_MOST_ALIKE: Final = 3
_HOW: Final = {
    "fresh": "kept, and still fresh: not asked",
    "revalidated": "asked: what was kept still holds",
    "fetched": "asked",
    "stale": "kept from before, because no source answered",
    "not_asked": "not asked",
}


def _of(row: Row, name: str) -> str:
    """Return a field of the quote, as the source wrote it; nothing where there is none."""
    return str(row["quote"][name] or "") if row["quote"] else ""


def _delay(row: Row) -> str:
    seconds = row["quote"]["delay_seconds"] if row["quote"] else None
    return "" if seconds is None else f"{seconds / 60:.0f} min"


def _marks(row: Row) -> str:
    if row["error"]:
        return str(row["error"]["code"]).replace("_", " ")
    return ", ".join(str(flag).replace("_", " ") for flag in row["quote"]["flags"])


COLUMNS: Final = (
    Column("symbol", lambda row, _: row["symbol"]),
    Column("price", lambda row, _: _of(row, "price"), right=True),
    Column("unit", lambda row, _: _of(row, "quoted_unit")),
    Column("as of (UTC)", lambda row, _: minute(_of(row, "as_of") or None)),
    Column(
        "age",
        lambda row, seen: age(row["quote"]["as_of"], seen.now) if row["quote"] else "",
    ),
    Column("delay", lambda row, _: _delay(row), right=True),
    Column("source", lambda row, _: _of(row, "source")),
    Column("marks", lambda row, _: _marks(row)),
)


def explained(row: Row) -> Iterator[str]:
    """Yield the lines that say how a symbol came to its price, or why it has none."""
    quote = row["quote"]
    yield printable(f"{row['symbol']}: {_price(quote)}" if quote else f"{row['symbol']}: no price")
    if not row["steps"]:
        yield f"  no source was asked: {printable(row['error']['message'])}" if row["error"] else ""
    for number, step in enumerate(row["steps"] or (), 1):
        how = _HOW.get(step["how"], step["how"])
        yield printable(f"  {number}. {step['source']}, {step['instrument']}: {how}")
        if step["how"] not in ("not_asked", "fresh"):
            yield printable(f"     at {step['address']}")
        if step["quote"]:
            yield printable(f"     {_read(step['quote'])}")
        if step["error"]:
            yield printable(f"     not used ({step['error']['code']}): {step['error']['message']}")


def failures(rows: Iterable[Row]) -> Iterator[str]:
    """Yield why symbols have no price and what to do, each once; of many alike the first ones."""
    alike: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row["error"] is not None:
            remedy = remedy_text(row["error"]["remedy"])
            group = alike.setdefault((row["error"]["code"], remedy), {})
            group[row["symbol"]] = row["error"]["message"]
    for (code, remedy), of in alike.items():
        for symbol, message in list(of.items())[:_MOST_ALIKE]:
            yield f"{symbol}: {message} {remedy}".rstrip()
        if len(of) > _MOST_ALIKE:
            more = counted(len(of) - _MOST_ALIKE, "more symbol")
            yield f"And {more}, the same: {code.replace('_', ' ')}."


def _price(quote: Row) -> str:
    return f"{quote['price']} {quote['quoted_unit']} from {quote['source']}"


def _read(quote: Row) -> str:
    raw = quote["raw"]
    text = raw if len(raw) <= _LONGEST_RAW else f"{raw[:_LONGEST_RAW]}..."
    return (
        f"`{quote['extractor']}` found {text!r}, which is {quote['price']} {quote['quoted_unit']}"
        f" of {minute(quote['as_of'])} UTC"
    )
