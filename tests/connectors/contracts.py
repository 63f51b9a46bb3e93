"""Holding faces and connectors to official specifications: what such tests share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from penstock.domain.consent import Credentials
from penstock.domain.link_plan import Errand, Return, VisitPlan
from penstock.domain.protocol import Connector
from penstock.domain.request import Request, Response
from tests.connectors.driving import Driver
from tests.connectors.linking import asked, over_http
from tests.prism import Prism
from tests.sandbox.visitor import REDIRECT, Visitor


@dataclass(frozen=True)
class Detour:
    """A way to a bank past Prism: what the bank calls its own address is asked of Prism instead.

    For protocols whose answers hold addresses, that have to be the bank's.
    """

    bank: str
    prism: str
    http: aiohttp.ClientSession

    async def send(self, request: Request) -> Response:
        """Send a request by this way."""
        assert request.url.startswith(self.bank)
        url = self.prism + request.url.removeprefix(self.bank)
        return await asked(replace(request, url=url), self.http)


class DetouringDriver(Driver):
    """A driver that goes by a detour."""

    def __init__(self, connector: Connector, detour: Detour, credentials: Credentials) -> None:
        super().__init__(connector, detour.http, credentials)
        self._detour = detour

    async def send(self, request: Request) -> Response:
        """Send one signed request past Prism."""
        signed = self.connector.sign(request, self.credentials) if request.authorized else request
        return await self._detour.send(signed)


@asynccontextmanager
async def before_nonsense(prism: Prism, document: Path) -> AsyncIterator[str]:
    """Run Prism before a server that answers `{}` to everything. Yields the address."""

    async def nothing(_request: web.Request) -> web.Response:
        return web.json_response({})

    upstream = web.Application()
    upstream.router.add_route("*", "/{any:.*}", nothing)
    async with (
        TestServer(upstream) as server,
        prism.proxying(document, str(server.make_url("")).rstrip("/")) as url,
    ):
        yield url


async def answers_to(requests: dict[str, Request], http: aiohttp.ClientSession) -> dict[str, bytes]:
    """Return the bodies of the answers to requests, by the same names."""
    told = await asyncio.gather(*(asked(request, http) for request in requests.values()))
    return {name: one.body for name, one in zip(requests, told, strict=True)}


async def renewed(visitor: Visitor, connector: Connector, credentials: Credentials) -> None:
    """Renew in one more visit, which leaves what opens the connection as it is."""
    plan = connector.link_plans[0]
    assert isinstance(plan, VisitPlan)
    sent = await over_http(visitor.http, plan.begin(Errand(REDIRECT, "s", {}, credentials)))
    await visitor.send("POST", sent.url, data={"decision": "allow"})
    granted = await over_http(visitor.http, plan.finish(Return({}, REDIRECT, sent.note)))
    assert granted.credentials == credentials
