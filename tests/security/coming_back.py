"""A link whose bank is played by hand: what is sent to it is kept, what it says is given."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from penstock.db.audit import AuditLog
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.engine.link import Linker
from penstock.oauth.proving import Proving
from tests.engine.bench import SEALS, Bench, bench
from tests.engine.fake_bank import FakeBank

HONEST = OAuthPlan(
    issuer="https://honest.example",
    authorize_url="https://honest.example/authorize",
    token_url="https://honest.example/token",
    revoke_url="https://honest.example/revoke",
    client_id="penstock",
    scopes=("accounts",),
    iss_required=True,
)
EVIL = replace(
    HONEST,
    issuer="https://evil.example",
    authorize_url="https://evil.example/authorize",
    token_url="https://evil.example/token",
    revoke_url=None,
)
GOOD: Mapping[str, object] = {
    "access_token": "at-1",
    "refresh_token": "rt-1",
    "token_type": "Bearer",
    "expires_in": 600,
}
Says = Callable[[Request], Response]


def answer(content: object, status: int = 200, **headers: str) -> Response:
    """Make an answer of a bank."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status, headers, body)


@dataclass(slots=True)
class Counter:
    """Two banks, one of them not honest, and a person who links."""

    it: Bench
    linker: Linker
    asked: list[Request] = field(default_factory=list)

    async def begin(self, connector: str, **more: Any) -> str:
        """Begin a link; return its state."""
        uri = f"https://hub.example/v1/callbacks/{connector}"
        begun = await self.linker.begin(self.it.owner_id, connector, redirect_uri=uri, **more)
        return begun.state

    async def finish(self, connector: str, **answer: str) -> int:
        """Come back, by a connector's address, with this query."""
        return await self.finish_as(self.it.owner_id, connector, **answer)

    async def finish_as(self, owner_id: int, connector: str, **answer: str) -> int:
        """Do so as another person."""
        return await self.linker.finish(connector, list(answer.items()), owner_id=owner_id)

    def at(self, host: str) -> list[str]:
        """Return the paths that were asked at a host."""
        parts = [urlsplit(one.url) for one in self.asked]
        return [one.path for one in parts if one.hostname == host]


def state_of(url: str) -> str:
    """Return the state that an address carries."""
    return parse_qs(urlsplit(url).query)["state"][0]


@asynccontextmanager
async def counter(
    url: str, says: Says = lambda _: answer(GOOD), **plans: OAuthPlan
) -> AsyncIterator[Counter]:
    """Open the counter over the migrated database at `url`; each connector has one plan."""
    told = plans or {"honest": HONEST, "evil": EVIL}
    banks = {name: FakeBank(name=name, link_plans=(plan,)) for name, plan in told.items()}
    first = next(iter(banks.values()))
    async with bench(url, first, connectors=banks, proving=Proving()) as it:

        async def send(request: Request) -> Response:
            here.asked.append(request)
            return says(request)

        def send_for(_name: str) -> Sender:
            return send

        linker = Linker(
            it.database, banks, SEALS, hashed, send_for, it.watch, AuditLog(SEALS.cipher)
        )
        here = Counter(it, linker)
        yield here


def hashed(state: str) -> str:
    """Stand in for the keyed hash."""
    return f"hash of {state}"
