"""A token endpoint that says what it is told to, and the credentials that are renewed there."""

import asyncio
import json
from typing import Any

import pytest

from penstock.db import credentials
from penstock.db.credentials import SealedCredentials
from penstock.db.runs import Tally
from penstock.domain.consent import Credentials
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.outcome import Ending, Halt
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.refresh import ConnectionTokens
from penstock.observe.metrics import Metrics
from tests.databases import Database
from tests.engine.bench import SEALS, Bench, bench
from tests.engine.fake_bank import FakeBank
from tests.engine.house import play

TOKEN_URL = "https://bank.example/token"
PLAN = OAuthPlan("https://bank.example", "https://bank.example/a", TOKEN_URL, None, "us")


def answered(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Response:
    """Make an answer of the token endpoint."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, content
    )


def fresh(number: int, **more: Any) -> Response:
    """Make a good answer."""
    good = {"access_token": f"access-{number}", "token_type": "Bearer"}
    return answered(200, good | {"refresh_token": f"refresh-{number}", "expires_in": 300} | more)


class Desk:
    """The credentials of one connection, and a token endpoint that says what it is told to."""

    def __init__(self, it: Bench, *says: Response | Exception) -> None:
        self.it = it
        self.says = list(says)
        self.forms: list[str] = []
        self.metrics = Metrics()

    async def send(self, request: Request) -> Response:
        """Answer a request of the token endpoint."""
        assert request.url == TOKEN_URL
        self.forms.append((request.body or b"").decode())
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    def tokens(self) -> ConnectionTokens:
        """Return the tokens as one run has them."""
        return ConnectionTokens(
            connection_id=self.it.connection_id,
            owner_id=self.it.owner_id,
            connector=FakeBank(link_plans=(PLAN,)),
            database=self.it.database,
            seals=SEALS,
            send=self.send,
            metrics=self.metrics,
            tally=Tally(),
            clock=self.it.watch,
            sleep=self.wait,
        )

    async def wait(self, seconds: float) -> None:
        """Let time pass at once."""
        self.it.watch.later(seconds=seconds)
        await asyncio.sleep(0)

    async def store(self, version: int = 1, **more: Any) -> Credentials:
        """Put credentials into the database, and return them."""
        names = {"access": Secret(f"access-{version}"), "refresh": Secret(f"refresh-{version}")}
        fields: dict[str, Any] = {**names, "expires_at": None, "scope": "all"} | more
        opened = Credentials(**fields)
        sealed = SEALS.seal(
            opened, self.it.connection_id, self.it.owner_id, plan=0, version=version
        )
        await self.it.database.write(credentials.save, sealed)
        return opened

    async def stored(self) -> SealedCredentials:
        """Return what is in the database."""
        found = await self.it.database.read(credentials.find, self.it.connection_id)
        assert found is not None
        return found

    async def halted(self, opened: Credentials) -> Ending:
        """Renew in vain; return how the run ends."""
        with pytest.raises(Halt) as caught:
            await self.tokens().renew(opened)
        return caught.value.ending


def at_desk(database: Database, story: Any) -> None:
    """Play a story at a desk."""

    async def told() -> None:
        async with bench(database.url, FakeBank()) as it:
            await story(Desk(it))

    play(told())
