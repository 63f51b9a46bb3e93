"""What a person says of securities: what they are, that two are one, or one two, what happened.

Each is one transaction that holds the owner's feed, as a sync's does, so that the two never sort
tellings at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import sqlalchemy as sa

from penstock.db import (
    feeds,
    naming_holdings,
    net_worth,
    price_turns,
    securities,
    security_events,
    security_ids,
)
from penstock.db.securities import Security
from penstock.db.security_ids import Told
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.holding import SecurityType
from penstock.domain.ids import public_id
from penstock.domain.remedy import ask_person
from penstock.domain.security import partition
from penstock.domain.security_event import Event, EventKind, EventState, Ratio
from penstock.domain.telling import PERSON, Telling
from penstock.engine import splits
from penstock.engine.securities import Book, is_known, work_out

NAMES: Final = ("ticker", "mic", "isin", "figi", "cusip")
"""What names a security, and is looked at when two are compared."""

OWN: Final = ("name", "type", "currency", "instrument")
"""What a person may put in the place of what is worked out."""


@dataclass(frozen=True, slots=True)
class Names:
    """New names of a security; None leaves one as it is."""

    ticker: str | None = None
    mic: str | None = None
    isin: str | None = None


def merge(connection: sa.Connection, book: Book, number: int, other: int) -> Security:
    """Make one security of two; the older goes on. Raises NotFound and Conflict."""
    label = feeds.next_change(connection, book.owner_id)
    one, two = _there(connection, book, number), _there(connection, book, other)
    if one.id == two.id:
        raise InvalidInput("A security is one with itself already.")
    told = [*_told(connection, book, one), *_told(connection, book, two)]
    sides = [side for each in told for side in each.telling.apart]
    undone = {side.partition("/")[0] for side in sides if _other_side(side, sides)}
    for each in told:
        left = {side for side in each.telling.apart if side.partition("/")[0] not in undone}
        if left != each.telling.apart:
            security_ids.set_apart(connection, each.telling.number, left)
    _pin(connection, book, told, label, f"{_called(one)} and {_called(two)} cannot be one")
    _work_out(connection, book)
    return _after(connection, book, min(one.id, two.id))


def part(connection: sa.Connection, book: Book, number: int, holdings: Collection[int]) -> Security:
    """Make positions of a security one of their own, for good; return it.

    Raises NotFound, and InvalidInput where nothing would be left, or nothing is parted.
    """
    label = feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    where = naming_holdings.positions(connection, holdings, owner_id=book.owner_id)
    told = _told(connection, book, there)
    goes = [one for one in told if (one.account_id, one.external_id) in where]
    positions = {(one.account_id, one.external_id) for one in goes}
    if len(positions) < len(set(holdings)):
        raise NotFound("There is no such holding of this security.")
    stays = [one for one in told if one not in goes]
    if not goes or not stays:
        raise InvalidInput("Name some of the security's holdings, and not all that it has.")
    for side, some in enumerate((stays, goes)):
        for one in some:
            apart = {*one.telling.apart, f"{label}/{side}"}
            security_ids.set_apart(connection, one.telling.number, apart)
    security_ids.pin(connection, [one.telling.number for one in goes], label)
    _work_out(connection, book)
    after = security_ids.of_owner(connection, owner_id=book.owner_id)
    gone = {one.telling.number for one in goes}
    home = next(one.security_id for one in after if one.telling.number in gone)
    return securities.get(connection, home, owner_id=book.owner_id)


def change(
    connection: sa.Connection, book: Book, number: int, said: Mapping[str, str | None]
) -> Security:
    """Set what a person says of a security; None takes it back. Raises NotFound and Conflict.

    `said` are columns of OWN and NAMES, valid as they are.
    """
    label = feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    own = {name: value for name, value in said.items() if name in OWN}
    if own:
        by_person = {*there.by_person, *own} - {name for name, value in own.items() if not value}
        values = {name: one for name, one in own.items() if one or name == "instrument"}
        told = {**values, "by_person": " ".join(sorted(by_person))}
        securities.change(connection, there.id, told, now=book.now)
    names = {name: value for name, value in said.items() if name in NAMES}
    if names:
        _say(connection, book, there, names, label)
    _work_out(connection, book)
    return _after(connection, book, there.id)


def split(connection: sa.Connection, book: Book, number: int, ratio: Ratio, day: date) -> Event:
    """Note that a security was split on a day. Raises NotFound, and Conflict for a second time."""
    feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    event = replace(_event(book, there, EventKind.SPLIT, day), ratio=ratio)
    known = security_events.of_security(connection, there.id, owner_id=book.owner_id)
    if is_known(event, [one for one in known if one.state is EventState.ACCEPTED]):
        raise Conflict(f"A split of {ratio} about that day is known already.")
    made = security_events.add(connection, event, owner_id=book.owner_id)
    splits.heed(connection, book, there.instrument)
    return security_events.get(connection, made, security_id=there.id, owner_id=book.owner_id)


def rename(connection: sa.Connection, book: Book, number: int, names: Names, day: date) -> Event:
    """Note that a security goes by other names from a day on. Raises NotFound and Conflict."""
    label = feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    moved = bool(names.ticker or names.mic)
    ticker, mic = names.ticker or there.ticker, names.mic or there.mic
    isin = names.isin if names.isin != there.isin else None
    if moved and (ticker, mic) == (there.ticker, there.mic):
        moved = False
    if not moved and not isin:
        raise InvalidInput("These are the names that it has.")
    event = replace(
        _event(book, there, EventKind.RENAME, day),
        old_ticker=there.ticker if moved else None,
        old_mic=there.mic if moved else None,
        old_isin=there.isin if isin else None,
        new_ticker=ticker if moved else None,
        new_mic=mic if moved else None,
        new_isin=isin,
    )
    made = security_events.add(connection, event, owner_id=book.owner_id)
    said = {"ticker": ticker, "mic": mic} if moved else {}
    _say(connection, book, there, {**said, **({"isin": isin} if isin else {})}, label, since=day)
    _work_out(connection, book)
    home = _after(connection, book, there.id).id
    return security_events.get(connection, made, security_id=home, owner_id=book.owner_id)


def decide(
    connection: sa.Connection, book: Book, number: int, event_id: int, *, accept: bool
) -> Event:
    """Let a suggestion count, or never be made again. Raises NotFound and Conflict."""
    feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    event = security_events.get(connection, event_id, security_id=there.id, owner_id=book.owner_id)
    if event.state is not EventState.OPEN:
        raise Conflict(f"This suggestion is {event.state} already.")
    state = EventState.ACCEPTED if accept else EventState.REFUSED
    security_events.decide(connection, event.id, state, now=book.now)
    splits.heed(connection, book, there.instrument if accept else None)
    if accept and event.kind is EventKind.RENAME:
        _work_out(connection, book)
    home = _after(connection, book, there.id).id
    return security_events.get(connection, event.id, security_id=home, owner_id=book.owner_id)


def forget(connection: sa.Connection, book: Book, number: int, event_id: int) -> None:
    """Take back a split or a change of names that was no such. Raises NotFound and Conflict."""
    feeds.next_change(connection, book.owner_id)
    there = _there(connection, book, number)
    event = security_events.get(connection, event_id, security_id=there.id, owner_id=book.owner_id)
    if event.kind is EventKind.MERGE:
        raise Conflict(
            "That two became one is a record.",
            remedy=ask_person(f"Part them: `penstock securities part {public_id('sec', number)}`."),
        )
    if event.state is not EventState.ACCEPTED:
        raise Conflict("This is a suggestion.", remedy=ask_person("Refuse it."))
    security_events.delete(connection, event.id)
    net_worth.forget(connection, owner_id=book.owner_id)
    if event.kind is EventKind.RENAME:
        own = [one.telling for one in _told(connection, book, there) if one.account_id is None]
        same = [one.number for one in own if one.since == event.day]
        security_ids.delete(connection, same)
        _work_out(connection, book)


def _there(connection: sa.Connection, book: Book, number: int) -> Security:
    found = securities.get(connection, number, owner_id=book.owner_id)
    if found.merged_into_id is not None:
        raise Conflict(f"This security was merged into {public_id('sec', found.merged_into_id)}.")
    return found


def _after(connection: sa.Connection, book: Book, number: int) -> Security:
    """Return a security as it is now, or that into which it went meanwhile."""
    found = securities.get(connection, number, owner_id=book.owner_id)
    if found.merged_into_id is None:
        return found
    return securities.get(connection, found.merged_into_id, owner_id=book.owner_id)


def _told(connection: sa.Connection, book: Book, there: Security) -> list[Told]:
    return security_ids.of_security(connection, there.id, owner_id=book.owner_id)


def _other_side(side: str, sides: Collection[str]) -> bool:
    return any(one != side and one.partition("/")[0] == side.partition("/")[0] for one in sides)


def _pin(
    connection: sa.Connection, book: Book, told: Collection[Told], label: int, why: str
) -> None:
    """Let tellings be of one security. Raises Conflict where what they tell contradicts."""
    events = security_events.of_owner(connection, owner_id=book.owner_id)
    changes = [change for event in events if (change := event.renaming)]
    pinned = [replace(one.telling, pin=label, apart=frozenset()) for one in told]
    if len(partition(pinned, changes).groups) > 1:
        raise Conflict(
            f"{why}: an ISIN, a CUSIP or a type contradicts.",
            remedy=ask_person(
                "Where an ISIN has changed, say so first: "
                "`penstock securities rename ID --isin NEW --day DAY`."
            ),
        )
    numbers = [one.telling.number for one in told if one.telling.number > 0]
    security_ids.pin(connection, numbers, label)


def _say(
    connection: sa.Connection,
    book: Book,
    there: Security,
    names: Mapping[str, str | None],
    label: int,
    *,
    since: date | None = None,
) -> None:
    """Write the person's own word on a security's names, in the place of the one before."""
    told = _told(connection, book, there)
    own = [one for one in told if one.account_id is None]
    before = {name: getattr(own[-1].telling, name) if own else None for name in NAMES}
    said = {**before, **names}
    telling = Telling(
        number=-1,
        source=PERSON,
        type=SecurityType.OTHER if there.type is not SecurityType.OPTION else there.type,
        since=since or book.now.date(),
        pin=label,
        name=there.name,
        ticker=said["ticker"],
        mic=said["mic"],
        isin=said["isin"],
        figi=said["figi"],
        cusip=said["cusip"],
    )
    new = Told(telling, there.id, None, "", None)
    rest = [one for one in told if one not in own]
    if not rest and not any(said.values()):
        raise Conflict("Nobody else tells anything of this security: its last name stays.")
    _pin(connection, book, [*rest, new], label, f"{_called(there)} cannot be called this")
    security_ids.delete(connection, [one.telling.number for one in own])
    if any(said.values()):
        security_ids.add(connection, new, owner_id=book.owner_id, now=book.now)


def _event(book: Book, there: Security, kind: EventKind, day: date) -> Event:
    return Event(
        id=0,
        security_id=there.id,
        kind=kind,
        state=EventState.ACCEPTED,
        day=day,
        source=PERSON,
        reason="",
        created_at=book.now,
        decided_at=book.now,
    )


def _called(one: Security) -> str:
    return one.instrument or one.ticker or one.isin or one.name


def _work_out(connection: sa.Connection, book: Book) -> None:
    """Sort all tellings anew, and let what is held by another name now have its price."""
    work_out(connection, book)
    price_turns.follow(connection, owner_id=book.owner_id, now=book.now)
