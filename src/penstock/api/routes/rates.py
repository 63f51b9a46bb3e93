"""Exchange rates of a day or of many, each with its own day and how it was made."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from fastapi import Query
from pydantic import BeforeValidator, Field, WithJsonSchema

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import (
    AmountText,
    CurrencyCode,
    Day,
    NextCursor,
    On,
    Outgoing,
    Remedy,
)
from penstock.db import rates
from penstock.domain.currency_codes import CODE, code_of
from penstock.domain.errors import InvalidInput
from penstock.domain.fx import Rates
from penstock.domain.rate import EURO, OWN_MAX_AGE, NoRate, RateUsed
from penstock.domain.remedy import Remedy as Advice
from penstock.identity.caller import Caller

router = nouns("quotes")

MOST_CURRENCIES: Final = 50
_EARLIEST: Final = date(1999, 1, 1)


def _several(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    codes = [code_of(one) for one in str(value).split(",")]
    if None in codes or len(codes) > MOST_CURRENCIES:
        raise ValueError(
            f"write {MOST_CURRENCIES} codes at most, with commas between them: USD,GBP"
        )
    return ",".join(filter(None, codes))


_Several = Annotated[
    str,
    BeforeValidator(_several),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{CODE}(,{CODE}){{0,{MOST_CURRENCIES - 1}}}$",
            "examples": ["USD,GBP"],
        }
    ),
]
Code = Annotated[
    str,
    Field(
        description="ISO 4217, or what else money is called: GBX, BTC.",
        pattern="^[A-Z][A-Z0-9]{1,11}$",
        examples=["USD"],
    ),
]
Made = Annotated[
    Literal["same", "stated", "inverted", "crossed", "minor", "pegged", "converted"],
    Field(
        description="`stated` so by a source, `inverted`, `crossed` from several, `minor` unit, "
        "`pegged` by law, `converted` at the irrevocable rate of what the euro replaced.",
        examples=["crossed"],
    ),
]


class Rate(Outgoing):
    """What one unit of `base` costs."""

    value: Annotated[AmountText, Field(examples=["1.0163"])]
    day: Annotated[On, Field(description="That of the oldest figure in it.")]
    made: Made
    sources: Annotated[list[str], Field(description="Who states its figures.", examples=[["ecb"]])]


class MissingRate(Outgoing):
    """Why there is none."""

    currency: Annotated[Code, Field(description="Which of the two lacks it.")]
    message: Annotated[str, Field(examples=["There is no exchange rate for 'XYZ' of 2026-11-20."])]
    last: Annotated[On | None, Field(description="The day of the last one, which is too old.")]
    remedy: Remedy | None


class RateRow(Outgoing):
    """A pair on a day: either its rate, or why there is none."""

    base: Code
    currency: Code
    day: On
    rate: Rate | None
    error: MissingRate | None


class RatePage(Outgoing):
    """A page of rates, by day and currency."""

    rows: list[RateRow]
    next_cursor: NextCursor


class _Place(NamedTuple):
    """Where a page ended."""

    day: date
    currency: str


class _Asked(NamedTuple):
    """What is asked for: some currencies (none: all there are), on one day or on several."""

    base: str
    currencies: tuple[str, ...]
    first: date
    last: date
    series: bool


@router.get("/rates")
async def list_rates(  # noqa: PLR0917 - FastAPI gives each by its name
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
    page: Page,
    base: Annotated[CurrencyCode, Query(description="One unit of what.")] = EURO,
    currencies: Annotated[
        _Several | None,
        Query(
            description=f"In which, with commas between them, {MOST_CURRENCIES} at most; "
            "left out: all of which there are rates.",
        ),
    ] = None,
    day: Annotated[
        Day | None, Query(description="The last rates up to this day; left out: today.")
    ] = None,
    from_: Annotated[
        Day | None,
        Query(alias="from", description="Each day since this one that brought a new rate."),
    ] = None,
    to: Annotated[Day | None, Query(description="With `from`: up to this day.")] = None,
) -> RatePage:
    """List the exchange rates of a day, or of all days of a time. No rate is ever assumed.

    A rate is the last one up to its day, but none that is older than two weeks (one that was set
    here: a year).
    """
    asked = _read(base, currencies, (day, from_, to), running.clock().date())
    listing = f"rates {asked}"
    after = page.position(listing, _Place)
    rows = await running.database.read(_rows, asked, after, page.limit + 1)
    shown = rows[: page.limit]
    end = _Place(shown[-1].day, shown[-1].currency) if len(rows) > page.limit else None
    return RatePage(rows=shown, next_cursor=end and cursor_after(listing, end))


def _read(
    base: str, currencies: str | None, days: tuple[date | None, date | None, date | None], now: date
) -> _Asked:
    day, first, last = days
    chosen = tuple(sorted({*currencies.split(",")})) if currencies else ()
    if first is None:
        if last is not None:
            raise InvalidInput("`to` is the end of a time that begins with `from`.")
        day = day or now
        return _Asked(base, chosen, day, day, series=False)
    if day is not None:
        raise InvalidInput("Ask for one `day`, or for a time with `from` and `to`.")
    if not chosen:
        raise InvalidInput("Say which `currencies` you want over a time.")
    return _Asked(base, chosen, max(first, _EARLIEST), last or now, series=True)


def _rows(
    connection: sa.Connection, asked: _Asked, after: _Place | None, limit: int
) -> list[RateRow]:
    if asked.series:
        return _of_days(connection, asked, after, limit)
    codes = asked.currencies or _all(connection, asked)
    found = rates.load(connection, [asked.base, *codes], first=asked.first, last=asked.last)
    left = [code for code in codes if after is None or code > after.currency]
    return [_row(found, asked.base, code, asked.last) for code in left[:limit]]


def _all(connection: sa.Connection, asked: _Asked) -> list[str]:
    """Return the currencies that have a rate on a day, but for the base."""
    reach = min(OWN_MAX_AGE, asked.last - date.min)
    codes = rates.currencies(connection, first=asked.last - reach, last=asked.last)
    found = rates.load(connection, codes, first=asked.last, last=asked.last)
    known = [EURO, *(code for code in codes if _has(found, code, asked.last))]
    return sorted(code for code in known if code != asked.base)


def _has(found: Rates, code: str, day: date) -> bool:
    try:
        return bool(found.rate(EURO, code, day))
    except NoRate:
        return False


def _of_days(
    connection: sa.Connection, asked: _Asked, after: _Place | None, limit: int
) -> list[RateRow]:
    """Return a row for each day and currency that brought a new figure for the pair.

    Raises InvalidInput for a currency that never had any: an empty list would say nothing of it.
    """
    pair = [asked.base, *asked.currencies]
    first = after.day if after else asked.first
    if after is None:
        _check_known(connection, asked)
    rows: list[RateRow] = []
    while len(rows) < limit:
        days = rates.any_days(connection, pair, first=first, last=asked.last, limit=limit)
        if not days:
            break
        found = rates.load(connection, pair, first=days[0], last=days[-1])
        places = sorted(
            _Place(day, code)
            for code in asked.currencies
            for day in found.days(asked.base, code, days[0], days[-1])
            if after is None or (day, code) > after
        )
        rows += [_row(found, asked.base, code, day) for day, code in places[: limit - len(rows)]]
        if len(days) < limit or days[-1] == asked.last:
            break
        first = days[-1] + timedelta(days=1)
    return rows


def _check_known(connection: sa.Connection, asked: _Asked) -> None:
    found = rates.load(
        connection, [asked.base, *asked.currencies], first=asked.first, last=asked.last
    )
    for code in asked.currencies:
        try:
            found.rate(asked.base, code, asked.last)
        except NoRate as error:
            if error.last is None:
                raise InvalidInput(error.message, remedy=error.remedy) from error


def _row(found: Rates, base: str, currency: str, day: date) -> RateRow:
    rate, error = None, None
    try:
        rate = _rate(found.rate(base, currency, day))
    except NoRate as missing:
        error = MissingRate(
            currency=missing.currency,
            message=missing.message,
            last=missing.last,
            remedy=_remedy(missing.remedy),
        )
    return RateRow(base=base, currency=currency, day=day, rate=rate, error=error)


def _rate(used: RateUsed) -> Rate:
    return Rate.model_validate(
        {
            "value": format(used.value, "f"),
            "day": used.day,
            "made": used.made,
            "sources": list(used.sources),
        }
    )


def _remedy(advice: Advice | None) -> Remedy | None:
    return Remedy(kind=advice.kind, text=advice.text, until=advice.until) if advice else None
