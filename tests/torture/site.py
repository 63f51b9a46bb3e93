"""An installation under torture: its people, its connections, and the time that passes for it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import sqlalchemy as sa
from pydantic import SecretStr

from penstock.db.breakers import breakers
from penstock.db.budgets import budgets
from penstock.db.connections import ConnectionRow, connections, get
from penstock.domain.clock import utc_now
from penstock.domain.consent import ConsentState
from penstock.sandbox.scenario import Scenario
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock
from tests.engine.crowd import KEY
from tests.person import add_person
from tests.torture.follower import Follower
from tests.torture.pause import briefly
from tests.torture.stores import Store
from tests.torture.watched import WatchedBank

CALLBACK = "http://127.0.0.1:1/callback/sandbox"
ALIVE = (ConsentState.ACTIVE, ConsentState.EXPIRING)


def settings_of(*, home: str, url: str, bank_url: str, **more: Any) -> Settings:
    """Return the settings that every process of a torture runs with."""
    return Settings(
        home=Path(home),
        database_url=url,
        key=KEY,
        sandbox_url=bank_url,
        provider_options={"starling_url": SecretStr(f"{bank_url}/starling")},
        link_twice=True,  # one person, many connections
        **more,
    )


@dataclass(slots=True)
class Held:
    """A connection, whose it is, whom it reaches at the bank, and the consents that it has had."""

    id: int
    owner_id: int
    person: str
    scenario: Scenario
    grants: list[int]
    follower: Follower


@dataclass(slots=True)
class Site:
    """An installation and its bank; workers in other processes do the syncing."""

    penstock: Penstock
    bank: WatchedBank
    store: Store
    held: list[Held] = field(default_factory=list)

    @property
    def given(self) -> dict[str, str]:
        """What a worker is told, to work for this installation."""
        return {
            "home": str(self.store.folder),
            "url": self.store.url,
            "bank_url": self.bank.url,
        }

    async def link(self, person: str, scenario: Scenario = Scenario.CALM) -> Held:
        """Let somebody new link the bank, as one of the bank's own people."""
        name = f"person{len(self.held)}"
        owner_id = await self.penstock.database.write(add_person, name)
        connection_id = await self._consent(owner_id, person, scenario)
        grant = self.bank.authority.grants[-1].number
        held = Held(connection_id, owner_id, person, scenario, [grant], Follower(owner_id))
        self.held.append(held)
        return held

    async def renew(self, held: Held) -> None:
        """Let the person consent again, in place."""
        await self._consent(held.owner_id, held.person, held.scenario, held.id)
        held.grants.append(self.bank.authority.grants[-1].number)

    async def row(self, held: Held) -> ConnectionRow:
        """Return how a connection stands."""
        return await self.penstock.database.read(get, held.id)

    async def dead(self) -> list[Held]:
        """Return the connections that need their person."""
        alive = connections.c.consent.in_([one.value for one in ALIVE])
        query = sa.select(connections.c.id).where(~alive)
        numbers = {row[0] for row in await self.all(query)}
        return [one for one in self.held if one.id in numbers]

    async def let_time_pass(self) -> None:
        """Let every stored wait be over: the next sync of each connection is due."""
        await self.penstock.database.write(_let_time_pass)

    async def follow(self) -> None:
        """Read on in everybody's change feed."""
        for held in self.held:
            await held.follower.read_on(self.penstock.database)

    async def done_since(self, moment: datetime) -> bool:
        """Say whether each connection was synced well after a moment; make those due that were not.

        One that needs its person is left out.
        """
        c = connections.c
        waits = sa.and_(
            sa.or_(c.last_success_at.is_(None), c.last_success_at < moment),
            c.consent.in_([one.value for one in ALIVE]),
        )
        if not await self.all(sa.select(c.id).where(waits)):
            return True
        await self.let_time_pass()
        return False

    async def all(self, query: sa.Select[Any] | sa.TextClause) -> list[Any]:
        """Return every row of a query."""
        return await self.penstock.database.read(lambda connection: list(connection.execute(query)))

    async def count(self, query: str, **given: object) -> int:
        """Return the one number that a query asks for."""
        text = sa.text(query)
        return await self.penstock.database.read(
            lambda connection: int(connection.execute(text, given).scalar_one())
        )

    async def _consent(
        self, owner_id: int, person: str, scenario: Scenario, renewed: int | None = None
    ) -> int:
        begun = await self.penstock.linker.begin(
            owner_id, "sandbox", redirect_uri=CALLBACK, connection_id=renewed
        )
        form = dict(parse_qsl(urlsplit(begun.url).query))
        form |= {"decision": "allow", "person": person, "scenario": scenario.value}
        async with (
            aiohttp.ClientSession() as session,
            session.post(begun.url.partition("?")[0], data=form, allow_redirects=False) as answer,
        ):
            back = answer.headers["Location"]
        parameters = parse_qsl(urlsplit(back).query)
        return await self.penstock.linker.finish("sandbox", parameters, owner_id=owner_id)


@contextlib.asynccontextmanager
async def site(
    store: Store, bank: WatchedBank, clock: Callable[[], datetime] = utc_now, **settings: Any
) -> AsyncIterator[Site]:
    """Open an installation on a store, beside a bank. It syncs nothing by itself."""
    given = settings_of(home=str(store.folder), url=store.url, bank_url=bank.url, **settings)
    async with open_penstock(given, clock=clock, sleep=briefly) as penstock:
        yield Site(penstock, bank, store)


def _let_time_pass(connection: sa.Connection) -> None:
    past = utc_now() - timedelta(seconds=1)
    c = connections.c
    connection.execute(
        connections.update()
        .where(c.consent.in_([one.value for one in ALIVE]))
        .where(sa.or_(c.next_sync_at > past, c.next_sync_at.is_(None), c.not_before.is_not(None)))
        .values(next_sync_at=past, not_before=None)
    )
    connection.execute(budgets.update().values(told_limit=None, told_left=None, told_until=None))
    connection.execute(breakers.delete())
