"""Documents of reference rates, made as the central bank writes them."""

from collections.abc import Mapping
from datetime import date, timedelta

from penstock.domain.target import is_open

CODES = ("USD", "JPY", "GBP", "CHF", "CZK", "DKK", "HUF", "PLN", "SEK", "NOK")


def document(days: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return a document with these rates of these days, in that order."""
    tables = "".join(
        f"<Cube time='{day}'>"
        + "".join(f"<Cube currency='{code}' rate='{rate}'/>" for code, rate in rates.items())
        + "</Cube>"
        for day, rates in days.items()
    )
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        "<gesmes:Envelope xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01'"
        " xmlns='http://www.ecb.int/vocabulary/2002-08-01/eurofxref'>"
        f"<gesmes:subject>Reference rates</gesmes:subject><Cube>{tables}</Cube></gesmes:Envelope>"
    ).encode()


def history(last: date, *, days: int) -> bytes:
    """Return a document of so many working days up to `last`, newest first."""
    tables: dict[str, dict[str, str]] = {}
    day = last
    while len(tables) < days:
        if is_open(day):
            tables[day.isoformat()] = rates_of(day)
        day -= timedelta(days=1)
    return document(tables)


def rates_of(day: date) -> dict[str, str]:
    """Return rates that are those of this day alone."""
    return {
        code: f"{place}.{day.toordinal() % 10_000:04}" for place, code in enumerate(CODES, start=1)
    }
