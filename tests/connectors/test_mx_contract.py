"""MX's own specification and client, against our face and our connector."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from penstock.connectors.mx import MX
from penstock.connectors.mx_accounts import parse_accounts, parse_institutions, seen
from penstock.connectors.mx_app import login_of
from penstock.connectors.mx_holdings import parse_holdings
from penstock.connectors.mx_rows import parse_rows
from penstock.connectors.mx_status import parse_member, parse_members
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken, OAuthError
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Response
from penstock.sandbox import steps
from penstock.sandbox.faces.mx import API_KEY, CLIENT_ID
from penstock.sandbox.faces.mx_shapes import row_guid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.contracts import renewed
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import asked, connector_at, link, over_http
from tests.connectors.mx_operations import OPERATIONS, at, request_for
from tests.connectors.mx_samples import STREAM, specification
from tests.own_clients import Clients
from tests.prism import Prism, readable
from tests.sandbox.visitor import NOON, Visitor, visiting

contract = pytest.mark.contract
CLIENT = Path(__file__).with_name("mx_client.py")


@asynccontextmanager
async def held_to_the_specification(
    prism: Prism, **options: Any
) -> AsyncIterator[tuple[Visitor, MX]]:
    """Run a bank behind Prism; yield it, and a connector that only knows Prism."""
    with TemporaryDirectory() as folder:
        document = readable(specification(), Path(folder))
        async with (
            visiting(**options) as visitor,
            prism.proxying(document, f"{visitor.bank.url}/mx") as url,
        ):
            yield visitor, replace(at(url), page_size=10)


@contract
def test_the_face_keeps_to_the_specification(prism: Prism) -> None:
    """A link, pages, jobs, errors, a renewal and the end: no request, no answer violates it."""

    async def story() -> None:
        async with held_to_the_specification(prism, transactions=40) as (visitor, connector):
            bank = visitor.bank
            credentials = await link(connector, bank, visitor.http)
            for words, country in (("sandbox", "US"), ("", "")):
                assert await over_http(visitor.http, connector.search(words, country))
            driver, ledger = Driver(connector, visitor.http, credentials), Ledger()
            for turn in range(3):
                await driver.update(ledger)
                truth = {row_guid(row) for row in bank.world.live()}
                assert {key[1] for key in ledger.rows} == truth
                steps.wandering(turn, 25)(bank.world)
            for kind, meaning in (
                (FaultKind.THROTTLED, VerdictKind.THROTTLED),
                (FaultKind.SERVER_ERROR, VerdictKind.TRANSIENT),
            ):
                bank.queue(Fault(kind), place=Place.TRANSACTIONS)
                answer = await driver.send(connector.app.ask_login("GET", "transactions"))
                assert connector.classify(answer).kind is meaning, answer.body
                assert answer.status in {429, 503}, "a violation would be another one"
            bank.queue(Fault(FaultKind.WRONG_TYPE), place=Place.TRANSACTIONS)
            answer = await driver.send(connector.app.ask_login("GET", "transactions"))
            assert "transactions.0.amount" in answer.headers["sl-violations"], "it would be seen"
            bank.authority.grants[0].state = ConsentState.LOGIN_REQUIRED
            answer = await driver.send(connector.app.ask_login("GET"))
            assert connector.classify(answer).consent is ConsentState.LOGIN_REQUIRED
            await renewed(visitor, connector, credentials)
            await driver.update(ledger)
            (plan,) = connector.link_plans
            assert plan.end is not None
            await over_http(visitor.http, plan.end(credentials))
            answer = await driver.send(connector.app.ask_login("GET"))
            assert connector.classify(answer).consent is ConsentState.REVOKED

    asyncio.run(story())


@contract
def test_every_kind_of_account_keeps_to_it(prism: Prism) -> None:
    """Six currencies, one of them without a code of ISO's; and what an investor holds."""

    async def story(scenario: Scenario) -> None:
        async with held_to_the_specification(prism, scenario=scenario) as (visitor, connector):
            credentials = await link(connector, visitor.bank, visitor.http, scenario)
            ledger = Ledger()
            await Driver(connector, visitor.http, credentials).update(ledger)
            assert ("BTC" in {each.currency for each in ledger.balances}) != bool(ledger.holdings)

    for scenario in (Scenario.MANY_CURRENCIES, Scenario.INVESTED):
        asyncio.run(story(scenario))


NONSENSE: dict[str, Any] = {
    "user": {"user": {"guid": 1}},
    "widget": {"widget_url": {"url": 1}},
    "members": {"members": [{"guid": 1}]},
    "member": {"member": {"connection_status": 1}},
    "aggregate": {"member": {"is_being_aggregated": "x"}},
    "status": {"member": {"connection_status": 1}},
    "accounts": {"accounts": [{"balance": "x"}]},
    "transactions": {"transactions": [{"amount": "x"}]},
    "institutions": {"institutions": [{"code": 1}]},
    "investment_holdings": {"investment_holdings": [{"quantity": 1}]},
}
"""The specification requires no field: what it can object to is what a field says."""


@contract
def test_nonsense_would_be_seen(prism: Prism, tmp_path: Path) -> None:
    """Prism is silent on a schema that it cannot read: it reads that of each of our endpoints."""
    wrong: list[Any] = []

    async def nothing(_request: web.Request) -> web.Response:
        name = wrong[-1]
        return web.Response(
            body=json.dumps(NONSENSE[name]).encode(),
            status=int(OPERATIONS[name][2]),
            content_type="application/vnd.mx.api.v1+json",
        )

    async def story() -> None:
        document = readable(specification(), tmp_path)
        upstream = web.Application()
        upstream.router.add_route("*", "/{any:.*}", nothing)
        async with (
            TestServer(upstream) as server,
            prism.proxying(document, str(server.make_url("")).rstrip("/")) as url,
            aiohttp.ClientSession() as http,
        ):
            for name in OPERATIONS:
                wrong.append(name)
                told = await asked(request_for(name, url), http)
                assert told.status == 500, (name, told.body)
                assert "sl-violations" in told.headers, name
            unsigned = replace(request_for("status", url), headers={})
            assert (await asked(unsigned, http)).status == 401

    asyncio.run(story())


@contract
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_the_schemas_allow(prism: Prism, tmp_path: Path, seed: int) -> None:
    """Every answer is understood or refused by name, and every row mapped or quarantined."""

    async def story() -> dict[str, bytes]:
        document = readable(specification(), tmp_path)
        async with prism.inventing(document, seed) as url, aiohttp.ClientSession() as http:
            return {name: (await asked(request_for(name, url), http)).body for name in OPERATIONS}

    told = asyncio.run(story())
    connector = at("https://mx.test")
    for body in told.values():
        connector.classify(Response(200, {}, body))
    content = json.loads(told["transactions"])
    listed = content.get("transactions", [])
    content["pagination"] = {"current_page": 1, "total_pages": 1, "total_entries": len(listed)}
    page = parse_rows(json.dumps(content | {"transactions": listed}).encode(), {"x": "USD"})
    assert len(page.upserts) + len(page.unmapped) == page.listed == len(listed)
    understood: list[Callable[[], object]] = [
        lambda: parse_rows(told["transactions"], {}),
        lambda: [seen(each, "USD") for each in parse_accounts(told["accounts"]).listed],
        lambda: parse_holdings(told["investment_holdings"], {}, NOON),
        lambda: parse_member(told["member"]),
        lambda: parse_member(told["status"]),
        lambda: parse_members(told["members"]),
        lambda: parse_institutions(told["institutions"]),
        lambda: connector.classify(Response(200, {}, told["status"])),
        lambda: by_hand(
            connector.pull(STREAM, None), lambda one: Response(200, {}, told[one.endpoint])
        ),
    ]
    for understand in understood:
        with suppress(ContractBroken, OAuthError):
            understand()


@contract
def test_mxs_own_client_reads_the_face(clients: Clients) -> None:
    """`mx-platform-python`, which checks every type, reads a job, its pages and its rows."""

    async def story() -> None:
        async with visiting(transactions=40) as visitor:
            connector = connector_at("mx", visitor.bank.url)
            login = login_of(await link(connector, visitor.bank, visitor.http))
            address = f"{visitor.bank.url}/mx"
            told = await clients.run(
                "mx", CLIENT, address, CLIENT_ID, API_KEY, login.user, login.member
            )
            assert told["began"]
            assert told["looked"] == [["CONNECTED", True], ["CONNECTED", False]]
            assert told["accounts"] == [each.name for each in visitor.bank.world.accounts]
            assert told["institutions"] == ["sandbox"]
            assert told["members"] == [login.member]
            rows = {row_guid(row): row for row in visitor.bank.world.live()}
            assert (told["pages"], set(told["rows"])) == (1, set(rows))
            for name, (amount, way, status) in told["rows"].items():
                row = rows[name]
                assert amount == abs(float(row.amount))
                assert (way == "CREDIT", status) == (row.amount > 0, row.status.value.upper())

    asyncio.run(story())
