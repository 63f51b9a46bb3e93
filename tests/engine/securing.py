"""Securities that syncs make of what is told, read as tests compare them."""

from typing import Any

from penstock.db import securities, security_events
from penstock.db.holdings import holdings
from penstock.db.securities import Security
from penstock.domain.security_event import Event
from penstock.domain.telling import PERSON
from penstock.engine.securities import Book
from tests.engine.bench import Bench


def person(it: Bench) -> Book:
    """Return the book in which a person's own word is written."""
    return Book(it.owner_id, it.watch(), by=PERSON)


async def known(it: Bench) -> list[Security]:
    """Return the owner's securities."""
    return await it.database.read(securities.of_owner, owner_id=it.owner_id)


async def events(it: Bench) -> list[Event]:
    """Return what happened to the owner's securities, and what is suggested."""
    return await it.database.read(security_events.of_owner, owner_id=it.owner_id)


async def kept_together(it: Bench) -> list[list[str]]:
    """Return the provider's ids of positions, those of one security together, sorted."""
    found: dict[Any, list[str]] = {}
    for row in await it.all(holdings.select()):
        assert row.security_id is not None, "a position has no security"
        found.setdefault(row.security_id, []).append(row.external_id)
    assert {one.id for one in await known(it)} == found.keys()
    return sorted(map(sorted, found.values()))
