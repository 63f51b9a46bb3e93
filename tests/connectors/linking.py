"""Linking any connector at its own face of the sandbox bank, in the way that it declares first."""

from collections.abc import Generator
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from penstock.connectors import build
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.link_plan import Errand, Granted, LinkPlan, TokenPlan, VisitPlan
from penstock.domain.protocol import Connector, Sender
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.admission import send_to_bank, take_back, take_pasted
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.registry import face_named
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import NOON, REDIRECT, Watch

R = TypeVar("R")
CHOICES = {"institution": "sandbox"}
"""What people choose, where a plan wants a choice."""


def connector_at(name: str, bank_url: str, *, clock: Clock | None = None) -> Connector:
    """Return a connector that was told where its face is."""
    options = face_named(name).options(bank_url)
    values = {f"{name}_{option}": Secret(text) for option, text in options.items()}
    return build(values, clock or Watch(NOON))[name]


async def link(
    connector: Connector,
    bank: Bank,
    http: aiohttp.ClientSession,
    scenario: Scenario = Scenario.CALM,
    plan: int = 0,
) -> Credentials:
    """Link as Ada; return what opens the connection."""

    async def send(request: Request) -> Response:
        return await asked(request, http)

    granted = await _granted(connector, connector.link_plans[plan], bank, http, scenario, send)
    return granted.credentials


async def asked(request: Request, http: aiohttp.ClientSession) -> Response:
    """Send one request as it is."""
    asking = http.request(
        request.method, request.url, headers=dict(request.headers), data=request.body
    )
    async with asking as answer:
        headers = {name.lower(): text for name, text in answer.headers.items()}
        return Response(answer.status, headers, await answer.read(), request.url)


async def over_http(http: aiohttp.ClientSession, asking: Generator[Request, Response, R]) -> R:
    """Run a step of a link to its end over HTTP."""
    return await run(asking, lambda request: asked(request, http))


async def _granted(
    connector: Connector,
    plan: LinkPlan,
    bank: Bank,
    http: aiohttp.ClientSession,
    scenario: Scenario,
    send: Sender,
) -> Granted:
    if isinstance(plan, TokenPlan):
        mint = face_named(connector.name).pasted
        assert mint is not None
        return await take_pasted(plan, Secret(mint(bank, "ada", scenario)), send)
    errand = Errand(REDIRECT, "some-state", CHOICES if isinstance(plan, VisitPlan) else {})
    proving = Proving(bank.options.clock)
    sent = await send_to_bank(plan, errand, send, proving)
    form = dict(parse_qsl(urlsplit(sent.url).query)) | {"decision": "allow", "scenario": scenario}
    page = sent.url.partition("?")[0]
    async with http.post(page, data=form, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        back = parse_qsl(urlsplit(answer.headers["Location"]).query)
    return await take_back(
        plan,
        back,
        redirect_uri=REDIRECT,
        note=sent.note,
        send=send,
        now=bank.options.clock(),
        proving=proving,
    )
