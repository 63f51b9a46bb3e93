"""The splits by which everybody's prices are judged are those that an admin holds for true."""

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pytest
import sqlalchemy as sa

from penstock.db import securities, security_events, users
from penstock.db.connect import open_database
from penstock.domain.holding import SecurityType
from penstock.domain.known_as import Known
from penstock.domain.security_event import Event, EventKind, EventState, Ratio
from penstock.engine.price_splits import KnownSplits
from tests.databases import Database
from tests.engine.bench import NOON

DAY: Final = date(2026, 11, 2)
NAME: Final = "ACME:XNYS"
SPLIT: Final = Event(
    id=0,
    security_id=0,
    kind=EventKind.SPLIT,
    state=EventState.ACCEPTED,
    day=DAY,
    source="person",
    reason="",
    created_at=NOON,
    ratio=Ratio(4, 1),
)
ACME: Final = Known("Acme", SecurityType.STOCK, "USD", "ACME", "XNYS", None, None, None, NAME)


def note(connection: sa.Connection, name: str, role: str, *splits: Event) -> int:
    """Let somebody hold ACME, and note what happened to it."""
    owner = users.create(connection, username=name, password_hash="x", now=NOON, role=role)
    number = securities.create(connection, ACME, owner_id=owner, now=NOON)
    for split in splits:
        security_events.add(connection, replace(split, security_id=number), owner_id=owner)
    return owner


def splits(database: Database, *people: tuple[Any, ...]) -> list[tuple[date, Decimal]]:
    """Return the splits of ACME that the quote engine hears of."""

    async def whole() -> list[tuple[date, Decimal]]:
        async with open_database(database.url) as opened:
            for one in people:
                await opened.write(note, *one)
            known = KnownSplits(opened.program)
            assert await known.of([]) == {}
            return list((await known.of([NAME, "SAP:XETR"])).get(NAME, []))

    return asyncio.run(whole())


def test_an_admin_is_believed(database: Database) -> None:
    """What an admin noted or accepted explains a price: so many new shares for an old one."""
    joined = replace(SPLIT, day=date(2020, 1, 2), ratio=Ratio(1, 8))
    assert splits(database, ("ada", "admin", SPLIT, joined)) == [
        (date(2020, 1, 2), Decimal("0.125")),
        (DAY, Decimal(4)),
    ]


@pytest.mark.parametrize(
    ("role", "event"),
    [
        ("member", SPLIT),
        ("admin", replace(SPLIT, state=EventState.OPEN)),
        ("admin", replace(SPLIT, state=EventState.REFUSED)),
    ],
    ids=["member", "open", "refused"],
)
def test_what_others_say_is_their_own(database: Database, role: str, event: Event) -> None:
    """L1: a split that a member noted, or that nobody accepted, touches no price of others.

    It would let a wrong price in, and keep the right ones out.
    """
    assert splits(database, ("eve", role, event), ("ada", "admin")) == []


def test_an_american_share_is_split_at_every_exchange_there(database: Database) -> None:
    """Whoever holds it by another one's name, or by none, is told of the split too."""

    async def whole() -> dict[str, int]:
        async with open_database(database.url) as opened:
            await opened.write(note, "ada", "admin", SPLIT)
            names = [NAME, "ACME:US", "ACME:XNAS", "ACME:XLON"]
            known = await KnownSplits(opened.program).of(names)
            return {name: len(some) for name, some in known.items()}

    assert asyncio.run(whole()) == {NAME: 1, "ACME:US": 1, "ACME:XNAS": 1, "ACME:XLON": 0}


def test_one_split_counts_once(database: Database) -> None:
    """Two admins who note the same within a week, at either's day, have not seen two."""
    later = replace(SPLIT, day=date(2026, 11, 5))
    again = replace(SPLIT, day=date(2026, 11, 20))
    found = splits(database, ("ada", "admin", SPLIT, again), ("bob", "admin", later))
    assert found == [(DAY, Decimal(4)), (date(2026, 11, 20), Decimal(4))]
