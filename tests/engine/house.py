"""A whole Penstock and a whole bank, for tests: real HTTP, a real database, no waiting."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import sqlalchemy as sa
from pydantic import SecretStr

from penstock.db import holdings, runs, tie_outs, transactions
from penstock.db.accounts import accounts
from penstock.db.runs import RunRow
from penstock.domain.holding import canonical_price, canonical_quantity
from penstock.domain.outcome import Ending
from penstock.domain.secret import Secret
from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.faces.registry import FACES, face_named
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.server import running
from penstock.sandbox.steps import STEPS
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock
from tests.person import add_person

KEY = "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a"
CALLBACK = "http://127.0.0.1:1/callback/sandbox"
R = TypeVar("R")


def play(story: Coroutine[Any, Any, R]) -> R:
    """Run a story to its end; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(story, 120))


async def no_wait(_seconds: float) -> None:
    """Let time pass without waiting for it."""
    await asyncio.sleep(0)


@dataclass(slots=True)
class House:
    """An installation with one person, and the bank beside it."""

    penstock: Penstock
    bank: Bank
    owner_id: int
    notebook: dict[str, list[str]] = field(default_factory=dict)

    async def consent(self, url: str, scenario: str | None = None, decision: str = "allow") -> str:
        """Go to the bank's page and decide there; return the address that the bank sends us to."""
        form = dict(parse_qsl(urlsplit(url).query)) | {"decision": decision}
        if scenario:
            form["scenario"] = scenario
        async with (
            aiohttp.ClientSession() as session,
            session.post(url.partition("?")[0], data=form, allow_redirects=False) as answer,
        ):
            assert answer.status == 303, await answer.text()
            return answer.headers["Location"]

    async def link(
        self,
        scenario: Scenario = Scenario.CALM,
        renew: int | None = None,
        connector: str = "sandbox",
    ) -> int:
        """Link the sandbox bank, through its own face or another; return the connection."""
        begun = await self.penstock.linker.begin(
            self.owner_id, connector, redirect_uri=CALLBACK, connection_id=renew
        )
        back = await self.consent(begun.url, scenario)
        return await self.penstock.linker.finish(
            connector, parse_qsl(urlsplit(back).query), owner_id=self.owner_id
        )

    async def paste(self, name: str, scenario: Scenario = Scenario.CALM) -> int:
        """Link the bank under another of its faces, with what is pasted there."""
        mint = face_named(name).pasted
        assert mint is not None
        token = Secret(mint(self.bank, "ada", scenario))
        return await self.penstock.linker.paste(self.owner_id, name, token)

    async def sync(self, connection_id: int, *, from_start: bool = False) -> tuple[Ending, RunRow]:
        """Sync once; return how it ended and its record."""
        run = await self.penstock.syncer.start(connection_id, trigger="test", from_start=from_start)
        assert run is not None
        ending, _ = await run.finish()
        return ending, await self.run(run.run_id)

    async def run(self, run_id: int) -> RunRow:
        """Return a run's record."""
        return await self.penstock.database.read(runs.get, run_id, owner_id=self.owner_id)

    async def rows(self) -> dict[str, tuple[str, str, str, str]]:
        """Return the standing rows by the bank's id: account, status, amount, description."""
        t, a = transactions.transactions, accounts
        query = (
            sa.select(t.c.external_id, a.c.external_id, t.c.status, t.c.amount, t.c.description)
            .join_from(t, a, t.c.account_id == a.c.id)
            .where(t.c.removed_at.is_(None))
        )
        found = await self.all(query)
        assert len({row[0] for row in found}) == len(found), "a row was doubled"
        return {row[0]: (row[1], row[2], str(row[3]), row[4]) for row in found}

    async def held(self) -> dict[str, tuple[str | None, ...]]:
        """Return what is held by the bank's id: symbol, quantity, price, value, cost, exactly."""
        h = holdings.holdings
        found = await self.all(h.select().where(h.c.ended_at.is_(None)))
        assert len({row.external_id for row in found}) == len(found), "a holding was doubled"
        return {row.external_id: _position(row) for row in found}

    def worth(self, scenario: Scenario = Scenario.INVESTED) -> dict[str, tuple[str | None, ...]]:
        """Return what the bank says is held, in the same form."""
        world = self.bank.desk("ada", scenario).world
        return {each.external_id: _position(each) for each in world.holdings()}

    def truth(self, scenario: Scenario = Scenario.CALM) -> dict[str, tuple[str, str, str, str]]:
        """Return what the bank says stands, in the same form."""
        truth = self.bank.desk("ada", scenario).world.truth()
        return {
            row.external_id: (row.account, row.status.value, str(row.amount), row.description)
            for row in truth.transactions
        }

    def step(self, name: str = "demo") -> None:
        """Move the bank's world."""
        STEPS[name](self.bank.desk("ada", Scenario.CALM).world)

    def expire_access(self) -> None:
        """Let every access token be too old."""
        for grant in self.bank.authority.grants:
            self.bank.authority.expire_access(grant)

    async def tie_out(self) -> set[str]:
        """Return what the tie-outs of all accounts say."""
        return {row.status for row in await self.all(tie_outs.tie_outs.select())}

    async def all(self, query: sa.Select[Any]) -> list[Any]:
        """Return every row of a query."""
        return await self.penstock.database.read(lambda connection: list(connection.execute(query)))


def _position(seen: Any) -> tuple[str | None, ...]:
    """Write a position's numbers the one way: canonical ones are stored, others stated."""
    numbers = (seen.price, seen.value, seen.cost_basis)
    quantity = format(canonical_quantity(seen.quantity), "f")
    exact = (None if one is None else format(canonical_price(one, "EUR"), "f") for one in numbers)
    return (seen.symbol, quantity, *exact)


@asynccontextmanager
async def house(url: str, options: Options | None = None, **settings: Any) -> AsyncIterator[House]:
    """Open a house over the migrated database at `url`."""
    with TemporaryDirectory() as home:
        async with running(options or Options()) as bank:
            set_here: dict[str, Any] = {
                "home": Path(home),
                "database_url": url,
                "key": KEY,
                "sandbox_url": bank.url,
                "provider_options": {
                    f"{face.name}_{option}": SecretStr(text)
                    for face in FACES[1:]
                    for option, text in face.options(bank.url).items()
                }
                | settings.pop("provider_options", {}),
                "link_twice": True,  # many stories want more than one
            }
            given = Settings(**set_here | settings)
            async with open_penstock(given, sleep=no_wait) as penstock:
                owner_id = await penstock.database.write(add_person, "ann")
                yield House(penstock, bank, owner_id)
