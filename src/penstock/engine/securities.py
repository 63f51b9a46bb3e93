"""Which securities a person's positions are of: worked out anew whenever something new is told.

Nothing is read or written while positions say what they said before. What comes out does not depend
on who told first; which row goes on where two turn out to be one does: the older.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import naming_holdings, securities, security_events, security_ids
from penstock.db.naming_holdings import NAMES, Naming
from penstock.db.security_ids import Told
from penstock.domain.known_as import known_as
from penstock.domain.security import partition
from penstock.domain.security_event import Event, EventKind, EventState
from penstock.domain.telling import Telling
from penstock.engine.renamed import may_be_one, renamed

SYNC: Final = "sync"
"""The source of what follows from what connectors tell."""

_SAME_SPLIT_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Book:
    """Whose securities are worked out, when, by which run, and on whose word."""

    owner_id: int
    now: datetime
    run_id: int | None = None
    by: str = SYNC


def link(connection: sa.Connection, book: Book, *, change_number: int) -> None:
    """Let the positions that were just written be of the securities that they name.

    For whoever holds the owner's feed: two at once would make two of one.
    """
    rows = naming_holdings.written(connection, owner_id=book.owner_id, change_number=change_number)
    if not rows:
        return
    before = security_ids.last_of(connection, [(one.account_id, one.external_id) for one in rows])
    new = []
    for one in rows:
        last = before.get((one.account_id, one.external_id))
        if last is None or _says(one) != _said(last.telling):
            new.append((one, last))
        elif one.security_id != last.security_id:
            naming_holdings.set_security(connection, one.holding_id, last.security_id)
    if new:
        _tell(connection, book, new)


def work_out(connection: sa.Connection, book: Book, new: Collection[Told] = ()) -> None:
    """Sort all tellings of the owner, and what is `new`, into securities, and write what follows.

    The numbers of new tellings are negative until they are stored.
    """
    stored = security_ids.of_owner(connection, owner_id=book.owner_id)
    told = {one.telling.number: one for one in (*_ended(stored, new), *new)}
    events = security_events.of_owner(connection, owner_id=book.owner_id)
    changes = [change for event in events if (change := event.renaming)]
    groups = partition((one.telling for one in told.values()), changes).groups
    there = {one.id: one for one in securities.all_of(connection, owner_id=book.owner_id)}
    homes = _homes(groups, told)
    of_position: dict[tuple[int, str], int] = {}
    for group in sorted(groups, key=_age):
        known = known_as([told[number].telling for number in group], changes)
        home, *others = homes[group] or [0]
        if home:
            securities.update(connection, there[home], known, now=book.now)
        else:
            home = securities.create(connection, known, owner_id=book.owner_id, now=book.now)
        _settle(connection, book, [told[number] for number in group], home)
        for other in others:
            _merge(connection, book, other, home, there[other].name, events)
        of_position |= {
            (one.account_id, one.external_id): home
            for number in group
            if (one := told[number]).account_id is not None and one.telling.until is None
        }
    naming_holdings.relink(connection, of_position, owner_id=book.owner_id)
    securities.delete_untold(connection, owner_id=book.owner_id)


def undo(connection: sa.Connection, book: Book, run_id: int, *, kept: Collection[int]) -> None:
    """Forget what a run told of securities, and sort what is left.

    What it told of the positions that are `kept` as it left them stays.
    """
    owner_id = book.owner_id
    gone = security_events.undo(connection, run_id, owner_id=owner_id)
    positions = naming_holdings.positions(connection, kept, owner_id=owner_id)
    if security_ids.undo(connection, run_id, owner_id=owner_id, kept=positions) or gone:
        work_out(connection, book)


def is_known(event: Event, among: Iterable[Event]) -> bool:
    """Say whether the same was told, suggested or refused already: a split about that day."""
    for one in among:
        if one.kind is not event.kind or one.security_id != event.security_id:
            continue
        if event.ratio is not None:
            near = abs((one.day - event.day).days) <= _SAME_SPLIT_DAYS
            if near and one.ratio == event.ratio:
                return True
        elif event.kind is EventKind.RENAME and _names(one) == _names(event):
            return True
    return False


def _names(event: Event) -> tuple[str | None, ...]:
    old = event.old_ticker, event.old_mic, event.old_isin
    return *old, event.new_ticker, event.new_mic, event.new_isin


def _tell(
    connection: sa.Connection, book: Book, new: Collection[tuple[Naming, Told | None]]
) -> None:
    today = book.now.date()
    events = security_events.of_owner(connection, owner_id=book.owner_id)
    added = []
    for number, (one, last) in enumerate(new, 1):
        telling = _telling(one, -number, today)
        event = renamed(last.telling, telling) if last else None
        if last and may_be_one(last.telling, telling, event):
            telling = replace(telling, pin=last.telling.pin, apart=last.telling.apart)
        added.append(Told(telling, 0, one.account_id, one.external_id, book.run_id))
        if last is not None and event is not None:
            event = replace(
                event, security_id=last.security_id, created_at=book.now, run_id=book.run_id
            )
            if not is_known(event, events):
                security_events.add(connection, event, owner_id=book.owner_id)
                events.append(event)
    work_out(connection, book, added)


def _telling(one: Naming, number: int, today: date) -> Telling:
    said = {name: getattr(one, name) for name in NAMES}
    position = f"{one.account_id} {one.external_id}"
    return Telling(
        number=number, source=one.source, since=today, position=position, name=one.name, **said
    )


def _says(one: Naming) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in NAMES)


def _said(one: Telling) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in NAMES)


def _ended(stored: Collection[Told], new: Collection[Told]) -> Iterator[Told]:
    """Yield tellings as they are after newer ones of their positions."""
    later = {(one.account_id, one.external_id): one.telling.since for one in new}
    for one in stored:
        until = later.get((one.account_id, one.external_id))
        if until is None or one.account_id is None or one.telling.until is not None:
            yield one
        else:
            yield replace(one, telling=replace(one.telling, until=until))


def _age(group: Collection[int]) -> tuple[bool, int]:
    """Return by what groups are put in order: those with stored tellings first, the oldest."""
    oldest = [number for number in group if number > 0]
    return not oldest, min(oldest, default=-max(group))


def _homes(
    groups: Collection[frozenset[int]], told: Mapping[int, Told]
) -> dict[frozenset[int], list[int]]:
    """Return which stored securities each group goes on with: each goes with its oldest telling."""
    owner: dict[int, frozenset[int]] = {}
    for group in sorted(groups, key=_age):
        for number in group:
            if told[number].security_id:
                owner.setdefault(told[number].security_id, group)
    homes: dict[frozenset[int], list[int]] = {group: [] for group in groups}
    for number, group in sorted(owner.items()):
        homes[group].append(number)
    return homes


def _settle(connection: sa.Connection, book: Book, told: Collection[Told], home: int) -> None:
    """Store the new ones of these tellings, and let the others be about their security."""
    for one in sorted(told, key=lambda one: -one.telling.number):
        if one.telling.number < 0:
            new = replace(one, security_id=home)
            security_ids.add(connection, new, owner_id=book.owner_id, now=book.now)
    security_ids.move(
        connection,
        [one.telling.number for one in told if one.telling.number > 0 and one.security_id != home],
        home,
    )


def _merge(
    connection: sa.Connection,
    book: Book,
    gone: int,
    home: int,
    name: str,
    events: Collection[Event],
) -> None:
    """Let one security go into another, and write down that it did."""
    kept = [one for one in events if one.security_id == home]
    for event in events:
        if event.security_id == gone and is_known(replace(event, security_id=home), kept):
            security_events.delete(connection, event.id)
    securities.merge(connection, gone, home, now=book.now)
    record = Event(
        id=0,
        security_id=home,
        kind=EventKind.MERGE,
        state=EventState.ACCEPTED,
        day=book.now.date(),
        source=book.by,
        reason=f"{name} is the same.",
        created_at=book.now,
        decided_at=book.now,
        other_id=gone,
    )
    security_events.add(connection, record, owner_id=book.owner_id)
