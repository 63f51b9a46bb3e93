"""A running API over a database, and people who are signed in.

`api.signed_in("ada")` adds a person and returns a client with that person's token. No password is
hashed for it: whoever tests signing in adds people by `identity.add_user`, whose hashes are of the
least cost that bcrypt takes (that ours are of a higher one is proved in tests/identity).
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from starlette.testclient import TestClient

from penstock.api.app import NOUNS, create_app
from penstock.db import feeds, users
from penstock.db.lane import Work
from penstock.identity.identity import Identity, Issued
from penstock.identity.purpose import Purpose
from penstock.identity.scopes import ALL, Scope
from penstock.identity.sessions import Where
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock

P = ParamSpec("P")
R = TypeVar("R")

KEY = bytes(range(32)).hex()
CHEAP = 4  # the least that bcrypt takes
NOWHERE = Where("203.0.113.9", "a test")


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
class Api:
    """A running app. `client` is a stranger; `base` is what it was made with."""

    app: FastAPI
    client: TestClient
    clock: Clock
    penstock: Penstock
    people: dict[str, int] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """Return what signs people in."""
        return self.penstock.identity

    def play(self, work: Callable[[], Awaitable[R]]) -> R:
        """Run something asynchronous where the app runs."""
        assert self.client.portal is not None
        return self.client.portal.call(work)

    def write(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of a database connection, and commit."""
        return self.penstock.database.write_now(work, *args, **kwargs)

    def read(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of a database connection."""
        return self.penstock.database.read_now(work, *args, **kwargs)

    def person(self, username: str) -> int:
        """Return a person's row number; add the person where there is none."""
        if username not in self.people:
            self.people[username] = self.write(_add, username, self.clock())
        return self.people[username]

    def begin(self, username: str = "ada", scopes: frozenset[Scope] = ALL) -> Issued:
        """Begin a session of this person, and return its tokens."""
        user_id = self.person(username)
        return self.play(lambda: self.identity.begin_session(user_id, NOWHERE, Purpose(scopes)))

    def signed_in(self, username: str = "ada", *scopes: str) -> TestClient:
        """Return a client with a token of this person, for all scopes where none are named."""
        chosen = frozenset(map(Scope, scopes)) if scopes else ALL
        return self.bearing(self.begin(username, chosen).access.reveal())

    def admin(self, username: str = "root") -> TestClient:
        """Return a client with a token of an admin."""
        self.write(users.set_role, self.person(username), "admin")
        return self.signed_in(username)

    def disable(self, username: str) -> None:
        """Disable a person; there is an admin besides, as there has to be."""
        self.write(users.set_role, self.person("root"), "admin")
        named = self.play(lambda: self.identity.people.named(username))
        self.play(lambda: self.identity.people.disable(named.id))

    def bearing(self, token: str) -> TestClient:
        """Return a client that sends this access token."""
        client = TestClient(self.app, headers={"Authorization": f"Bearer {token}"})
        client.portal = self.client.portal
        return client


def _add(connection: sa.Connection, username: str, now: datetime) -> int:
    user_id = users.create(connection, username=username, password_hash="", now=now)
    feeds.open_feed(connection, user_id)
    return user_id


def noun(router: APIRouter) -> ModuleType:
    """Return a module with routes, as `serving` takes them."""
    module = ModuleType("a_noun")
    vars(module)["router"] = router
    return module


@contextlib.contextmanager
def serving(
    url: str,
    home: Path,
    nouns: tuple[ModuleType, ...] = NOUNS,
    **settings: object,
) -> Iterator[Api]:
    """Serve the migrated database at `url`; `settings` are those of penstock.settings.

    No source of prices is in use, unless they name one: tests talk to this machine only.
    """
    clock = Clock()
    usual: dict[str, object] = {"home": home, "database_url": url, "key": KEY, "quote_sources": ()}
    chosen = Settings.model_validate(usual | settings)
    opened: list[Penstock] = []

    @contextlib.asynccontextmanager
    async def opener() -> AsyncIterator[Penstock]:
        async with open_penstock(chosen, clock=clock, cost=CHEAP) as penstock:
            opened.append(penstock)
            yield penstock

    app = create_app(opener, nouns)
    with TestClient(app) as client:
        yield Api(app, client, clock, opened[0])


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Return our log lines as they were written, before anything is masked in them."""
    return [record.msg for record in caplog.records if isinstance(record.msg, dict)]
