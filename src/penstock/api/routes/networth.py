"""What everything is worth together: now, on a day, and day by day."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import (
    AccountId,
    AmountText,
    Currency,
    CurrencyCode,
    Day,
    Moment,
    On,
    Outgoing,
)
from penstock.db.net_worth import DayWorth
from penstock.domain import net_worth as sums
from penstock.domain.counting import Kind, Part
from penstock.domain.errors import InvalidInput
from penstock.domain.net_worth import Counted, allocation
from penstock.domain.valuation import Reason, Source
from penstock.engine.worth import Answer
from penstock.engine.worth_day import LeftOut, Why
from penstock.identity.caller import Caller

router = nouns("networth")

Asked = Annotated[
    CurrencyCode | None,
    Query(description="In this currency; else in that of most of your accounts."),
]
_PartId = Annotated[
    str,
    Field(
        description="A holding's id, or an account's: its money.", examples=["hol_0000000000011"]
    ),
]
_Name = Annotated[str, Field(examples=["Mill & Weir"])]


class WorthPart(Outgoing):
    """One line of the total: what it is worth in its own currency, and in the asked one."""

    id: _PartId
    account_id: AccountId
    name: _Name
    institution: Annotated[str, Field(examples=["Mill Bank"])]
    type: Annotated[Kind, Field(examples=["stock"])]
    value: Annotated[AmountText, Field(description="In its own `currency`.", examples=["55.20"])]
    currency: Annotated[Currency, Field(examples=["USD"])]
    amount: Annotated[AmountText, Field(description="In the asked one.", examples=["50.88"])]
    rate: Annotated[AmountText | None, Field(description="Between the two.", examples=["0.9217"])]
    rate_on: Annotated[On | None, Field(description="The day of that rate.")]
    source: Annotated[Source, Field(description="What the value is taken from.")]
    as_of: Annotated[Moment, Field(description="When it was worth that: its oldest ingredient.")]
    flags: Annotated[list[str], Field(description="What is odd about it.", examples=[[]])]


class MissingPart(Outgoing):
    """What is not in the total, and why."""

    id: _PartId
    account_id: AccountId
    name: _Name
    reason: Annotated[Reason, Field(examples=["no_price"])]
    text: Annotated[str, Field(examples=["There is no quote."])]


class Left(Outgoing):
    """An account that does not count. `other`: the one that does, where it was linked twice."""

    id: AccountId
    name: Annotated[str, Field(examples=["Everyday account …4100"])]
    reason: Annotated[Why, Field(examples=["hidden"])]
    other: AccountId | None


class Within(Outgoing):
    """A position that is in another part already, and not counted again."""

    id: _PartId
    account_id: AccountId
    name: _Name


class Oldest(Outgoing):
    """The part whose value is the oldest."""

    id: _PartId
    name: _Name
    as_of: Moment


class OfCurrency(Outgoing):
    """What there is in one currency, before any rate."""

    currency: Currency
    amount: AmountText


class Share(Outgoing):
    """A group: all of it, its assets, and their share of all assets; the shares are 100 in all."""

    name: Annotated[str, Field(examples=["stock"])]
    amount: AmountText
    assets: AmountText
    percent: Annotated[AmountText | None, Field(examples=["61.80"])]


class Allocation(Outgoing):
    """How it is spread; accounts go by their ids."""

    types: list[Share]
    currencies: list[Share]
    institutions: list[Share]
    accounts: list[Share]


class MissingThen(Outgoing):
    """What was not in the total of a day."""

    id: _PartId
    name: _Name
    reason: Annotated[Reason, Field(examples=["not_known_yet"])]


class WorthDay(Outgoing):
    """A day of the series. Where nothing was known there is no figure, never 0."""

    day: On
    total: AmountText | None
    assets: AmountText | None
    liabilities: AmountText | None
    oldest_as_of: Moment | None
    missing: list[MissingThen]


class NetWorth(Outgoing):
    """What everything was worth at the end of a day, or is now. Liabilities are negative.

    `total` is null where nothing at all is known. What is `missing` is not in it.
    """

    currency: Currency
    day: On
    total: AmountText | None
    assets: AmountText | None
    liabilities: AmountText | None
    oldest: Oldest | None
    rates_on: Annotated[On | None, Field(description="The day of the oldest rate in it.")]
    parts: list[WorthPart]
    by_currency: list[OfCurrency]
    allocation: Allocation
    missing: list[MissingPart]
    left_out: list[Left]
    within: list[Within]
    series: Annotated[
        list[WorthDay] | None, Field(description="From `from` to `to`, where asked for.")
    ]


@router.get("/networth")
async def get_net_worth(
    *,
    caller: Annotated[Caller, require("read")],
    running: Running,
    currency: Asked = None,
    day: Annotated[Day | None, Query(description="At the end of this day; else now.")] = None,
    since: Annotated[
        Day | None, Query(alias="from", description="With every day from this one on.")
    ] = None,
    until: Annotated[
        Day | None, Query(alias="to", description="The last of those days; else today.")
    ] = None,
) -> NetWorth:
    """Add up balances and holdings, in one currency: with the oldest part and what is missing."""
    if until is not None and since is None:
        raise InvalidInput("`to` is the end of a series: say with `from` where it begins.")
    valuer = running.valuer
    asked = currency or await valuer.usual_currency(caller.user_id)
    answer = await valuer.on_day(caller.user_id, asked, day)
    series = None
    if since is not None:
        series = await valuer.series(caller.user_id, asked, since, until or date.max)
    return _shape(answer, series)


def _shape(answer: Answer, series: Sequence[DayWorth] | None) -> NetWorth:
    worth = answer.worth
    known = bool(worth.counted)
    return NetWorth(
        currency=worth.currency,
        day=answer.day,
        total=text(worth.total) if known else None,
        assets=text(worth.assets) if known else None,
        liabilities=text(worth.liabilities) if known else None,
        oldest=_oldest(worth.oldest) if worth.oldest else None,
        rates_on=worth.rates_as_of,
        parts=[_part(one, worth.currency) for one in worth.counted],
        by_currency=[
            OfCurrency(currency=name, amount=text(amount))
            for name, amount in worth.by_currency.items()
        ],
        allocation=Allocation(
            types=_shares(worth, lambda one: one.part.kind),
            currencies=_shares(worth, lambda one: one.valued.currency),
            institutions=_shares(worth, lambda one: one.part.institution),
            accounts=_shares(worth, lambda one: one.part.account),
        ),
        missing=[_missing(one) for one in worth.missing],
        left_out=[_left(one) for one in answer.left_out],
        within=[_within(one) for one in worth.within],
        series=None if series is None else [_day(one) for one in series],
    )


def text(amount: Decimal) -> str:
    """Write a decimal without an exponent."""
    return format(amount, "f")


def _part(one: Counted, asked: str) -> WorthPart:
    part, same = one.part, one.valued.currency == asked
    return WorthPart(
        id=part.key,
        account_id=part.account,
        name=part.name,
        institution=part.institution,
        type=part.kind,
        value=text(one.valued.value),
        currency=one.valued.currency,
        amount=text(one.amount),
        rate=None if same else text(one.rate.value),
        rate_on=None if same else one.rate.day,
        source=one.valued.source,
        as_of=one.as_of,
        flags=list(part.flags),
    )


def _oldest(one: Counted) -> Oldest:
    return Oldest(id=one.part.key, name=one.part.name, as_of=one.as_of)


def _missing(one: sums.Missing) -> MissingPart:
    part = one.part
    return MissingPart(
        id=part.key, account_id=part.account, name=part.name, reason=one.reason, text=one.why
    )


def _within(one: Part) -> Within:
    return Within(id=one.key, account_id=one.account, name=one.name)


def _left(one: LeftOut) -> Left:
    return Left(id=one.id, name=one.name, reason=one.why, other=one.other)


def _shares(worth: sums.Worth, by: Callable[[Counted], str]) -> list[Share]:
    return [
        Share(
            name=one.group,
            amount=text(one.amount),
            assets=text(one.assets),
            percent=None if one.percent is None else text(one.percent),
        )
        for one in allocation(worth, by)
    ]


def _day(one: DayWorth) -> WorthDay:
    known = one.counted > 0
    return WorthDay(
        day=one.day,
        total=text(one.total) if known else None,
        assets=text(one.assets) if known else None,
        liabilities=text(one.liabilities) if known else None,
        oldest_as_of=one.oldest_as_of,
        missing=[
            MissingThen(id=each.id, name=each.name, reason=Reason(each.reason))
            for each in one.missing
        ],
    )
