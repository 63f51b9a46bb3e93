"""An `Identity` over a database, with a clock that stands still and passwords that hash fast."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import bcrypt

from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.domain.errors import Conflict
from penstock.domain.secret import Secret
from penstock.identity.identity import Identity
from penstock.identity.passwords import Compare, Passwords
from penstock.identity.people import Role
from penstock.identity.sessions import Where
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key

R = TypeVar("R")

KEY = Key(bytes(range(32)))
PEPPER = KEY.derive("passwords")
GOOD = Secret("correct horse battery")
HOME = Where("192.0.2.1", "a test")
FASTEST = 4
"""The lowest cost that bcrypt knows."""


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Let so many minutes, hours, … pass."""
        self.now += timedelta(**by)


@dataclass
class House:
    """What a test of identity works with."""

    database: Database
    clock: Clock
    identity: Identity

    def another(self) -> Identity:
        """Return what another process would have over the same database."""
        return make(self.database, self.clock)

    async def disable(self, username: str) -> None:
        """Disable somebody; there is an admin besides, as there has to be."""
        people = self.identity.people
        with contextlib.suppress(Conflict):
            await self.identity.add_user("root", Secret("nobody signs in as this"))
        await people.set_role((await people.named("root")).id, Role.ADMIN)
        await people.disable((await people.named(username)).id)


def make(
    database: Database, clock: Callable[[], datetime], compare: Compare = bcrypt.checkpw
) -> Identity:
    """Return an `Identity` that hashes fast."""
    hashing = Passwords(PEPPER, cost=FASTEST, compare=compare)
    return Identity(database, Cipher(KEY), clock, pepper=PEPPER, passwords=hashing)


def play(
    url: str,
    story: Callable[[House], Coroutine[Any, Any, R]],
    compare: Compare = bcrypt.checkpw,
) -> R:
    """Tell a story over the migrated database at `url`; one that hangs fails."""

    async def told() -> R:
        async with open_database(url) as database:
            clock = Clock()
            identity = make(database, clock, compare)
            try:
                return await asyncio.wait_for(story(House(database, clock, identity)), 60)
            finally:
                identity.close()

    return asyncio.run(told())
