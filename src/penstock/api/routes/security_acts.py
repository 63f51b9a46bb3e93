"""What a person says of securities: what they are, that two are one, what happened to them."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.routes.securities import (
    SecurityEvent,
    SecurityWhole,
    event_shape,
    whole,
)
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    CurrencyCode,
    Day,
    HoldingId,
    Incoming,
    Line,
    SecurityEventId,
    SecurityId,
)
from penstock.domain.errors import InvalidInput
from penstock.domain.holding import SecurityType
from penstock.domain.ids import row_number
from penstock.domain.security_event import read_ratio
from penstock.domain.telling import (
    PERSON,
    valid_cusip,
    valid_figi,
    valid_instrument,
    valid_isin,
    valid_mic,
    valid_ticker,
)
from penstock.engine import security_acts as acts
from penstock.engine.securities import Book
from penstock.identity.caller import Caller

router = nouns("securities")

_MOST: Final = 1000
Ticker = Annotated[str, Field(max_length=40, examples=["SAP"])]
Mic = Annotated[str, Field(description="ISO 10383.", max_length=10, examples=["XETR"])]
Isin = Annotated[str, Field(description="ISO 6166.", max_length=20, examples=["DE0007164600"])]


class SecurityEdit(Incoming):
    """What to set of a security; what is left out stays, null takes your own word back."""

    name: Annotated[Line | None, Field(examples=["SAP SE"])] = None
    type: Annotated[str | None, Field(max_length=20, examples=["stock"])] = None
    currency: CurrencyCode | None = None
    instrument: Annotated[
        str | None,
        Field(description="What our quotes call it.", max_length=40, examples=["SAP:XETR"]),
    ] = None
    ticker: Ticker | None = None
    mic: Mic | None = None
    isin: Isin | None = None
    figi: Annotated[str | None, Field(max_length=20, examples=["BBG000BG7DY8"])] = None
    cusip: Annotated[str | None, Field(max_length=20, examples=["803054204"])] = None


class OtherSecurity(Incoming):
    """The security that is the same."""

    other: SecurityId


class SomeHoldings(Incoming):
    """Positions that are of another security."""

    holdings: Annotated[list[HoldingId], Field(min_length=1, max_length=_MOST)]


class NewSplit(Incoming):
    """A split: how many new ones there are for how many old ones, from which day on."""

    ratio: Annotated[str, Field(max_length=20, examples=["4:1"])]
    day: Day


class NewNames(Incoming):
    """The new names of a security, from which day on; what is left out stays as it is."""

    ticker: Ticker | None = None
    mic: Mic | None = None
    isin: Isin | None = None
    day: Day


@router.patch("/securities/{security_id}")
async def edit_security(
    security_id: SecurityId,
    body: SecurityEdit,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityWhole:
    """Say what a security is. Your word stands above what connectors tell.

    One that others tell by the ISIN, the CUSIP, the FIGI or the ticker and market that you set is
    the same security from then on. What contradicts what is told is refused: where an ISIN has
    changed, say so as a change of names.
    """
    given = body.model_dump(include=body.model_fields_set)
    said = {name: _valid(name, value) for name, value in given.items()}
    number = row_number("sec", security_id)
    done = await running.database.write(acts.change, _book(caller, running), number, said)
    return await whole(running, done.id, caller.user_id)


@router.post("/securities/{security_id}/merge")
async def merge_securities(
    security_id: SecurityId,
    body: OtherSecurity,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityWhole:
    """Make one of two. The older goes on; the other stays as a record of what it went into."""
    one, other = row_number("sec", security_id), row_number("sec", body.other)
    done = await running.database.write(acts.merge, _book(caller, running), one, other)
    return await whole(running, done.id, caller.user_id)


@router.post("/securities/{security_id}/part")
async def part_security(
    security_id: SecurityId,
    body: SomeHoldings,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityWhole:
    """Make some of a security's holdings another one's, for good; answers with the new one."""
    numbers = [row_number("hol", one) for one in body.holdings]
    number = row_number("sec", security_id)
    done = await running.database.write(acts.part, _book(caller, running), number, numbers)
    return await whole(running, done.id, caller.user_id)


@router.post("/securities/{security_id}/splits", status_code=201)
async def add_split(
    security_id: SecurityId,
    body: NewSplit,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityEvent:
    """Note a split. No stored price or quantity changes: series are adjusted when they are read."""
    ratio = read_ratio(body.ratio)
    _check_past(body.day, running)
    number = row_number("sec", security_id)
    done = await running.database.write(acts.split, _book(caller, running), number, ratio, body.day)
    return event_shape(done)


@router.post("/securities/{security_id}/renames", status_code=201)
async def add_rename(
    security_id: SecurityId,
    body: NewNames,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityEvent:
    """Note new names. Prices of before are asked for by the old ones; the old ticker is free."""
    told = {name: getattr(body, name) for name in ("ticker", "mic", "isin")}
    names = acts.Names(**{name: _valid(name, value) for name, value in told.items()})
    _check_past(body.day, running)
    number = row_number("sec", security_id)
    done = await running.database.write(
        acts.rename, _book(caller, running), number, names, body.day
    )
    return event_shape(done)


@router.post("/securities/{security_id}/events/{event_id}/accept")
async def accept_security_event(
    security_id: SecurityId,
    event_id: SecurityEventId,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityEvent:
    """Let what is suggested count."""
    return await _decide(running, caller, security_id, event_id, accept=True)


@router.post("/securities/{security_id}/events/{event_id}/refuse")
async def refuse_security_event(
    security_id: SecurityId,
    event_id: SecurityEventId,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> SecurityEvent:
    """Leave everything as it is. The same is not suggested again."""
    return await _decide(running, caller, security_id, event_id, accept=False)


@router.delete("/securities/{security_id}/events/{event_id}", status_code=204)
async def delete_security_event(
    security_id: SecurityId,
    event_id: SecurityEventId,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> Response:
    """Take back a split or a change of names that was none."""
    numbers = row_number("sec", security_id), row_number("sev", event_id)
    await running.database.write(acts.forget, _book(caller, running), *numbers)
    return Response(status_code=204)


async def _decide(
    running: Installation, caller: Caller, security_id: str, event_id: str, *, accept: bool
) -> SecurityEvent:
    number, event = row_number("sec", security_id), row_number("sev", event_id)
    done = await running.database.write(
        acts.decide, _book(caller, running), number, event, accept=accept
    )
    return event_shape(done)


def _book(caller: Caller, running: Installation) -> Book:
    return Book(caller.user_id, running.clock(), by=PERSON)


def _check_past(day: Any, running: Installation) -> None:  # noqa: ANN401 - a day
    if day > running.clock().date():
        raise InvalidInput(f"{day} has not come yet: say so when it has.")


_VALID: Final[dict[str, Callable[[str], str | None]]] = {
    "ticker": valid_ticker,
    "mic": valid_mic,
    "isin": valid_isin,
    "figi": valid_figi,
    "cusip": valid_cusip,
    "instrument": valid_instrument,
    "type": lambda text: text if text in {*SecurityType} else None,
}


def _valid(name: str, value: str | None) -> str | None:
    if value is None or name not in _VALID:
        return value
    found = _VALID[name](value)
    if found is None:
        raise InvalidInput(f"{value[:40]!r} is no {name}: check its spelling and check digit.")
    return found
