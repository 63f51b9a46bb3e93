"""Securities: what is held, whoever tells of it, with what names it and what happened to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routes.quote_refresh import PriceTurn, turn_of
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    Currency,
    Moment,
    NextCursor,
    On,
    Outgoing,
    SecurityEventId,
    SecurityId,
    Yes,
)
from penstock.db import price_turns, securities, security_events, security_ids
from penstock.db.price_turns import Turn
from penstock.db.security_ids import Told
from penstock.domain import security as domain
from penstock.domain.holding import SecurityType
from penstock.domain.ids import public_id, row_number
from penstock.domain.security_event import Event, EventKind, EventState, names_over_time
from penstock.domain.telling import Kind, valid_isin, valid_ticker
from penstock.identity.caller import Caller

router = nouns("securities")


class Security(Outgoing):
    """Something that can be held, by whatever names its connectors tell of it."""

    id: SecurityId
    name: Annotated[str, Field(examples=["SAP SE"])]
    type: Annotated[SecurityType, Field(examples=["stock"])]
    currency: Annotated[Currency, Field(description="What it is traded in, as told.")]
    ticker: Annotated[str | None, Field(examples=["SAP"])]
    mic: Annotated[str | None, Field(description="ISO 10383.", examples=["XETR"])]
    isin: Annotated[str | None, Field(description="ISO 6166.", examples=["DE0007164600"])]
    figi: Annotated[str | None, Field(examples=["BBG000BG7DY8"])]
    cusip: Annotated[str | None, Field(examples=["803054204"])]
    instrument: Annotated[
        str | None,
        Field(
            description="What our quotes call it; null: nothing certain is known, and it has none.",
            examples=["SAP:XETR"],
        ),
    ]
    by_person: Annotated[
        str | None, Field(description="What you have set.", examples=["instrument name"])
    ]
    merged_into: Annotated[
        SecurityId | None, Field(description="It turned out to be this one, which goes on.")
    ]
    created_at: Moment
    updated_at: Moment


class Identifier(Outgoing):
    """A name of a security, as it was told."""

    kind: Annotated[str, Field(description="listing, isin, figi, cusip.", examples=["isin"])]
    value: Annotated[str, Field(examples=["DE0007164600"])]
    since: Annotated[On, Field(description="The day on which it was told first.")]
    until: Annotated[On | None, Field(description="Since that day nobody tells it any more.")]
    sources: Annotated[list[str], Field(description="Who tells it.", examples=[["sandbox"]])]


class SecurityName(Outgoing):
    """What it was called for a time: a price of that time was asked for by this."""

    ticker: str | None
    mic: str | None
    isin: str | None
    since: On | None
    until: Annotated[On | None, Field(description="Before this day; null: still.")]


class SecurityEvent(Outgoing):
    """Something that happened to a security, or is only suggested."""

    id: SecurityEventId
    kind: EventKind
    state: Annotated[EventState, Field(description="`open`: suggested, and counts for nothing.")]
    day: On
    ratio: Annotated[str | None, Field(description="New ones for old ones.", examples=["4:1"])]
    old_ticker: str | None
    old_mic: str | None
    old_isin: str | None
    new_ticker: str | None
    new_mic: str | None
    new_isin: str | None
    other_id: Annotated[SecurityId | None, Field(description="What was merged into this one.")]
    source: Annotated[str, Field(examples=["person"])]
    reason: str
    created_at: Moment
    decided_at: Moment | None


class SecurityConflict(Outgoing):
    """A name that this security shares with others which are not the same."""

    kind: Annotated[Kind, Field(examples=["listing"])]
    value: Annotated[str, Field(examples=["X:XNAS"])]
    with_ids: Annotated[list[SecurityId], Field(description="The others.")]


class SecurityWhole(Security):
    """A security with everything that is known of it."""

    identifiers: list[Identifier]
    names: Annotated[list[SecurityName], Field(description="Over time, the oldest first.")]
    events: Annotated[list[SecurityEvent], Field(description="Splits, new names, merges.")]
    suggestions: Annotated[list[SecurityEvent], Field(description="What waits for you.")]
    conflicts: list[SecurityConflict]
    price: Annotated[PriceTurn | None, Field(description="How it is kept priced; null: it is not.")]


class Securities(Outgoing):
    """A page of securities."""

    rows: list[Security]
    next_cursor: NextCursor


@router.get("/securities")
async def list_securities(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    *,
    symbol: Annotated[
        str | None, Query(description="With this ticker.", max_length=40, examples=["SAP"])
    ] = None,
    isin: Annotated[
        str | None,
        Query(description="That has or had this ISIN.", max_length=40, examples=["DE0007164600"]),
    ] = None,
    held: Annotated[
        Yes | None, Query(description="Held now, or not; left out: all.", examples=["true"])
    ] = None,
) -> Securities:
    """List securities in the order in which we met them; none that was merged into another."""
    ticker = (valid_ticker(symbol) or symbol) if symbol is not None else None
    wanted = securities.Wanted(ticker, (valid_isin(isin) or isin) if isin else isin, held)
    listing = f"securities {wanted}"
    rows = await running.database.read(
        securities.page,
        wanted,
        owner_id=caller.user_id,
        after=page.position(listing, int) or 0,
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return Securities(
        rows=[Security(**fields(row)) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].id) if more else None,
    )


@router.get("/securities/{security_id}")
async def get_security(
    security_id: SecurityId, caller: Annotated[Caller, require("read")], running: Running
) -> SecurityWhole:
    """Show a security: its names and since when, what happened to it, and what is suggested."""
    return await whole(running, row_number("sec", security_id), caller.user_id)


async def whole(running: Installation, number: int, owner_id: int) -> SecurityWhole:
    """Return a security with everything that is known of it. Raises NotFound."""
    found = await running.database.read(_read_one, number, owner_id)
    row, events = found.row, [event_shape(one) for one in found.events]
    return SecurityWhole(
        **fields(row),
        identifiers=list(_identifiers(found.told)),
        names=[
            SecurityName(
                ticker=one.ticker, mic=one.mic, isin=one.isin, since=one.since, until=one.until
            )
            for one in names_over_time(row.ticker, row.mic, row.isin, found.events)
        ],
        events=[one for one in events if one.state is EventState.ACCEPTED],
        suggestions=[one for one in events if one.state is EventState.OPEN],
        conflicts=found.conflicts,
        price=None if found.turn is None else turn_of(found.turn),
    )


def values(row: securities.Security) -> tuple[Any, ...]:
    """Return a security's values in the order of `Security`."""
    shown = fields(row)
    return tuple(shown[name] for name in Security.model_fields)


def fields(row: securities.Security) -> dict[str, Any]:
    """Return a security's fields as they are shown."""
    merged = row.merged_into_id
    named = {name: getattr(row, name) for name in Security.model_fields if hasattr(row, name)}
    return named | {
        "id": public_id("sec", row.id),
        "by_person": " ".join(sorted(row.by_person)) or None,
        "merged_into": None if merged is None else public_id("sec", merged),
    }


def event_shape(event: Event) -> SecurityEvent:
    """Return an event as it is shown."""
    other = event.other_id
    named = {name: getattr(event, name) for name in SecurityEvent.model_fields}
    return SecurityEvent(
        **named
        | {
            "id": public_id("sev", event.id),
            "ratio": None if event.ratio is None else str(event.ratio),
            "other_id": None if other is None else public_id("sec", other),
        }
    )


@dataclass(frozen=True, slots=True)
class _Found:
    row: securities.Security
    told: Sequence[Told]
    events: Sequence[Event]
    conflicts: list[SecurityConflict]
    turn: Turn | None


def _read_one(connection: sa.Connection, number: int, owner_id: int) -> _Found:
    row = securities.get(connection, number, owner_id=owner_id)
    events = security_events.of_security(connection, number, owner_id=owner_id)
    told = security_ids.of_owner(connection, owner_id=owner_id)
    of = {one.telling.number: one.security_id for one in told}
    changes = security_events.of_owner(connection, owner_id=owner_id)
    found = domain.partition(
        (one.telling for one in told), [new for one in changes if (new := one.renaming)]
    )
    conflicts = list(_conflicts(number, of, found.conflicts))
    own = [one for one in told if one.security_id == number]
    name = row.instrument or ""
    turn = price_turns.some(connection, [name]).get(name)
    return _Found(row, own, events, conflicts, turn)


def _conflicts(
    number: int, of: Mapping[int, int], found: Iterable[domain.Conflict]
) -> Iterable[SecurityConflict]:
    for one in sorted(found, key=lambda one: (one.kind, one.value, sorted(one.numbers))):
        among = {of[each] for each in one.numbers}
        if number in among and len(among) > 1:
            yield SecurityConflict(
                kind=one.kind,
                value=one.value.partition("#")[0],
                with_ids=[public_id("sec", each) for each in sorted(among - {number})],
            )


def _identifiers(told: Iterable[Told]) -> Iterable[Identifier]:
    known: dict[tuple[str, str], list[Told]] = {}
    for one in told:
        names = ("listing", "isin", "figi", "cusip")
        for name in names:
            value = getattr(one.telling, name)
            if value:
                known.setdefault((name, value), []).append(one)
    for (kind, value), some in sorted(known.items()):
        ends: list[date | None] = [one.telling.until for one in some]
        over = [day for day in ends if day is not None]
        yield Identifier(
            kind=kind,
            value=value,
            since=min(one.telling.since for one in some),
            until=max(over) if len(over) == len(ends) else None,
            sources=sorted({one.telling.source for one in some}),
        )
