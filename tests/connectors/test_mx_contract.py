"""MX's own specification and client, against our face and our connector."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from penstock.connectors.mx import MX
from penstock.connectors.mx_accounts import parse_accounts, parse_institutions, seen
from penstock.connectors.mx_app import App, Login, login_of
from penstock.connectors.mx_rows import parse_rows
from penstock.connectors.mx_status import parse_member, parse_members
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, OAuthError
from penstock.domain.link_plan import Errand, Return
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.sandbox import steps
from penstock.sandbox.faces.mx import API_KEY, CLIENT_ID
from penstock.sandbox.faces.mx_shapes import row_guid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import asked, connector_at, link, over_http
from tests.connectors.mx_samples import STREAM, Told, specification
from tests.own_clients import Clients
from tests.prism import Prism, readable
from tests.sandbox.visitor import REDIRECT, Visitor, visiting

contract = pytest.mark.contract
LOGIN = Login("USR-1", "MBR-1")
NEW_USER = {"user": {"id": "x"}}
WIDGET = {"widget_url": {"widget_type": "connect_widget"}}
CLIENT = Path(__file__).with_name("mx_client.py")
OPERATIONS: dict[str, tuple[str, str, str, Any]] = {
    "user": ("POST", "/users", "200", NEW_USER),
    "widget": ("POST", "/users/{user_guid}/widget_urls", "200", WIDGET),
    "members": ("GET", "/users/{user_guid}/members", "200", None),
    "member": ("GET", "/users/{user_guid}/members/{member_guid}", "200", None),
    "aggregate": ("POST", "/users/{user_guid}/members/{member_guid}/aggregate", "202", None),
    "status": ("GET", "/users/{user_guid}/members/{member_guid}/status", "200", None),
    "accounts": ("GET", "/users/{user_guid}/members/{member_guid}/accounts", "200", None),
    "transactions": ("GET", "/users/{user_guid}/members/{member_guid}/transactions", "200", None),
    "institutions": ("GET", "/institutions", "200", None),
}
"""Everything that we ask of MX and that has an answer: method, path, status, and what is sent."""


def at(url: str) -> MX:
    """Return the connector as it speaks to an address."""
    made = connector_at("mx", url)
    assert isinstance(made, MX)
    return replace(made, app=App(url, CLIENT_ID, Secret(API_KEY)))


def request_for(name: str, url: str) -> Request:
    """Return the least that is asked there."""
    method, path, _, content = OPERATIONS[name]
    named = path.format(user_guid=LOGIN.user, member_guid=LOGIN.member)
    return at(url).app.ask(method, named.lstrip("/"), content=content)


@cache
def examples() -> dict[str, bytes]:
    """Return what the official examples of the fields make of each answer."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    told = {}
    for name, (method, path, status, _) in OPERATIONS.items():
        answer = document["paths"][path][method.lower()]["responses"][status]
        schema = answer["content"]["application/vnd.mx.api.v1+json"]["schema"]
        told[name] = json.dumps(_example(schema, document), default=str).encode()
    return told


def _example(schema: Any, document: Any) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document["components"]["schemas"][name], document)
    if "example" in schema:
        return schema["example"]
    if "allOf" in schema:
        return {
            key: value
            for part in schema["allOf"]
            for key, value in _example(part, document).items()
        }
    if schema.get("type") == "array":
        return [_example(schema["items"], document)]
    fields = schema.get("properties", {})
    return {name: _example(field, document) for name, field in fields.items()}


def test_the_official_examples_are_understood() -> None:
    """A discovery, a pull and both halves of a link, with nothing but MX's own examples."""
    told = examples()
    connector = at("https://mx.test")
    _, discovery = by_hand(
        connector.discover(), lambda request: Response(200, {}, told[request.endpoint])
    )
    (account,) = discovery.accounts
    assert (account.name, account.mask, account.currency) == ("Test account 2", "5366", "USD")
    assert discovery.institution.external_id == "mxbank"
    currencies = {json.loads(told["transactions"])["transactions"][0]["account_guid"]: "USD"}
    (row,) = parse_rows(told["transactions"], currencies).upserts
    assert (str(row.amount), row.currency) == ("5003.90", "USD")
    assert (row.description, row.reference) == ("MX TECHNOLOGIES PAYMENT", "Transactions")
    assert f"{row.booked_on}" == "2024-12-20"
    for name in ("member", "status", "aggregate"):
        assert parse_member(told[name]).connection_status == "CONNECTED"
        assert connector.classify(Response(200, {}, told[name])).kind is VerdictKind.OK
    assert [one.name for one in parse_institutions(told["institutions"])] == ["MX Bank"]
    (plan,) = connector.link_plans
    user = json.loads(told["user"])["user"]["guid"]
    answers: dict[str, bytes | int] = {
        "POST /users": told["user"],
        f"POST /users/{user}/widget_urls": told["widget"],
    }
    sent = Told(answers).run(plan.begin(Errand(REDIRECT, "s", {})))
    assert sent.url.startswith("https://int-widgets.moneydesktop.com/")
    (member,) = parse_members(told["members"])
    answers = {
        f"GET /users/{user}/members": told["members"],
        f"GET /users/{user}/members/{member.guid}": told["member"],
    }
    granted = Told(answers).run(plan.finish(Return({"state": "s"}, REDIRECT, sent.note)))
    assert login_of(granted.credentials) == Login(user, str(member.guid))


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


async def renewed(visitor: Visitor, connector: MX, credentials: Credentials) -> None:
    """Renew in the widget."""
    (plan,) = connector.link_plans
    sent = await over_http(visitor.http, plan.begin(Errand(REDIRECT, "s", {}, credentials)))
    await visitor.send("POST", sent.url, data={"decision": "allow"})
    granted = await over_http(visitor.http, plan.finish(Return({}, REDIRECT, sent.note)))
    assert granted.credentials == credentials


@contract
def test_every_kind_of_account_keeps_to_it(prism: Prism) -> None:
    """Six currencies, one of them without a code of ISO's."""

    async def story() -> None:
        scenario = Scenario.MANY_CURRENCIES
        async with held_to_the_specification(prism, scenario=scenario) as (visitor, connector):
            credentials = await link(connector, visitor.bank, visitor.http, scenario)
            ledger = Ledger()
            await Driver(connector, visitor.http, credentials).update(ledger)
            assert "BTC" in {each.currency for each in ledger.balances}

    asyncio.run(story())


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
