"""SnapTrade's own specification and client, against our face and our connector.

The specification describes requests that are signed in the name of a user of a commercial customer.
SnapTrade's documents say that a bearer token and a Personal key name the person themselves, and
that `userId` and `userSecret` must be left out then (docs: Build an OAuth App, Authentication
Methods). So it is read here through a copy, made for the test, in which those two are not asked
for, and a bearer token is a way to be known. Where it lets a value be null without saying of what
type it is else, the copy says so: Prism would not check the whole answer.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from penstock.connectors.snaptrade import SnapTrade
from penstock.connectors.snaptrade_accounts import (
    parse_accounts,
    parse_balances,
    parse_disabled,
    seen,
)
from penstock.connectors.snaptrade_holdings import parse_positions
from penstock.connectors.snaptrade_key import signature
from penstock.connectors.snaptrade_rows import parse_activities
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.transaction import Status
from penstock.sandbox import steps
from penstock.sandbox.faces.snaptrade_oauth import PREFIX, consumer_key
from penstock.sandbox.faces.snaptrade_shapes import uid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import asked, connector_at, link
from tests.connectors.snaptrade_samples import BROKERS, specification
from tests.prism import Prism, readable
from tests.sandbox.visitor import NOON, Visitor, visiting

contract = pytest.mark.contract
OAUTH, KEY = 0, 1
SOME = "917c8734-8470-4a3e-a18f-57c3f2ee6631"
ASKED = {
    "accounts": "/accounts",
    "activities": "/accounts/{accountId}/activities",
    "balances": "/accounts/{accountId}/balances",
    "positions": "/accounts/{accountId}/positions/all",
    "connections": "/authorizations",
    "connection": "/authorizations/{authorizationId}",
    "brokerages": "/brokerages",
}
"""What we ask for."""


def for_people(folder: Path) -> Path:
    """Return a copy of the specification in which a token or a key says who somebody is."""
    copy = readable(specification(), folder)
    document = json.loads(copy.read_text(encoding="utf-8"))
    schemes = document["components"]["securitySchemes"]
    schemes["PersonalToken"] = {"type": "http", "scheme": "bearer"}
    document["security"].append({"PersonalToken": []})
    for path in ASKED.values():
        operation = document["paths"][path]["get"]
        operation["parameters"] = [
            one
            for one in operation.get("parameters", ())
            if one.get("name") not in {"userId", "userSecret"}
        ]
    _mend(document, document["components"]["schemas"])
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def _mend(part: Any, schemas: Any) -> None:
    """Say of what type each schema is that may be null as well: to Prism it is none otherwise.

    One that is made of another alone becomes a copy of it that may be null.
    """
    if isinstance(part, dict):
        if part.get("nullable") is True and "type" not in part:
            for one in part.pop("allOf", ()):
                part |= deepcopy(schemas[one["$ref"].rpartition("/")[2]]) | {"nullable": True}
            part.setdefault("type", "object")
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        _mend(each, schemas)


@cache
def examples() -> dict[str, Any]:
    """Return an answer of each endpoint, made of nothing but the specification's own examples."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = json.loads(json.dumps(yaml.load(text, Loader=loader), default=_written))
    schemas = document["components"]["schemas"]
    return {
        name: _example(_answer(document["paths"][path]["get"]), schemas)
        for name, path in ASKED.items()
    }


def _written(day: Any) -> str:
    return str(day.isoformat())


def _answer(operation: Any) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


def _example(schema: Any, schemas: Any) -> Any:
    """Return a schema's example, or one that is made of those of its parts."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "example" in schema:
        return schema["example"]
    for every in ("allOf", "oneOf"):
        if every in schema:
            return _example(schema[every][0], schemas)
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    parts = schema.get("properties", {})
    return {name: _example(part, schemas) for name, part in parts.items()} or None


def encoded(name: str) -> bytes:
    """Return an official example."""
    return json.dumps(examples()[name]).encode()


def test_the_official_examples_are_understood() -> None:
    """Accounts, connections, cash, positions and activities: nothing is left over."""
    (account,) = parse_accounts(encoded("accounts"))
    known = seen(account)
    assert (known.external_id, known.currency, known.mask) == (account.id, "USD", "8443")
    connection = examples()["connection"]["id"]
    assert parse_disabled(encoded("connection"), connection) is None
    cash, spendable = parse_balances(encoded("balances"), account.id, NOON, BROKERS.zone)
    assert (str(cash.amount), str(spendable.amount)) == ("300.71", "410.71")
    (held,) = parse_positions(encoded("positions"), account.id).holdings
    assert (held.symbol, str(held.quantity), str(held.cost_basis)) == ("AAPL", "10.5", "1241.10")
    page = parse_activities(encoded("activities"), account.id)
    assert not page.unmapped
    (row,) = page.upserts
    assert (str(row.amount), row.currency, row.category) == ("263.82", "USD", "BUY")
    assert row.booked_on is not None


def at(url: str, connector: SnapTrade) -> SnapTrade:
    """Return a connector that asks elsewhere."""
    return replace(connector, base_url=url, page_size=9)


@asynccontextmanager
async def held_to_the_specification(
    prism: Prism, plan: int, scenario: Scenario = Scenario.CALM
) -> AsyncIterator[tuple[Visitor, SnapTrade, Driver]]:
    """Run a bank behind Prism; link, and yield a reader that only knows Prism.

    What is signed is the path of the request, so that Prism stands at the same path as the bank.
    """
    with TemporaryDirectory() as folder:
        document = for_people(Path(folder))
        async with visiting(transactions=40, scenario=scenario) as visitor:
            upstream = f"{visitor.bank.url}{PREFIX}"
            connector = connector_at(
                "snaptrade", visitor.bank.url, clock=visitor.bank.options.clock
            )
            assert isinstance(connector, SnapTrade)
            opened = await link(connector, visitor.bank, visitor.http, scenario, plan)
            async with prism.proxying(document, upstream) as url:
                reader = at(url, connector)
                yield visitor, reader, Proxied(reader, visitor.http, opened, url, upstream)


class Proxied(Driver):
    """A reader behind a proxy: signs for the address that the proxy asks."""

    def __init__(
        self,
        connector: SnapTrade,
        http: aiohttp.ClientSession,
        opened: Credentials,
        proxy: str,
        upstream: str,
    ) -> None:
        super().__init__(connector, http, opened)
        self.proxy, self.upstream = proxy, upstream
        self.behind = replace(connector, base_url=upstream)

    async def send(self, request: Request) -> Response:
        """Send one request, signed as the bank will see it."""
        there = replace(request, url=self.upstream + request.url.removeprefix(self.proxy))
        signed = self.behind.sign(there, self.credentials)
        url = self.proxy + signed.url.removeprefix(self.upstream)
        answer = await asked(replace(signed, url=url), self.http)
        if answer.status == 200:
            assert "sl-violations" not in answer.headers, answer.headers["sl-violations"]
        return answer


@contract
@pytest.mark.parametrize("plan", [OAUTH, KEY], ids=["oauth", "key"])
def test_the_face_keeps_to_the_specification(prism: Prism, plan: int) -> None:
    """Pages, windows, moves, errors: no request and no answer of a link and syncs violates it."""

    async def story() -> None:
        async with held_to_the_specification(prism, plan) as (visitor, connector, driver):
            bank, ledger = visitor.bank, Ledger()
            for turn in range(1 if plan == KEY else 2):  # a key has ten requests a minute
                await driver.update(ledger)
                booked = [r for r in bank.world.live() if r.status is Status.POSTED]
                told, there = {key[1] for key in ledger.rows}, {uid(r.external_id) for r in booked}
                assert told >= there, "none is lost"
                assert turn or told == there, "what is old and gone shows from the start only"
                steps.wandering(turn, 10)(bank.world)
            if plan == KEY:
                return
            url = connector.base_url
            for path in ("brokerages", "authorizations"):
                answer = await driver.send(Request("GET", f"{url}/{path}"))
                assert (answer.status, "sl-violations" in answer.headers) == (200, False)
            for kind, meaning in (
                (FaultKind.THROTTLED, VerdictKind.THROTTLED),
                (FaultKind.SERVER_ERROR, VerdictKind.TRANSIENT),
            ):
                bank.queue(Fault(kind), place=Place.ACCOUNTS)
                answer = await driver.send(Request("GET", f"{url}/accounts"))
                assert connector.classify(answer).kind is meaning, answer.body
                assert "sl-violations" not in answer.headers
            bank.authority.grants[0].state = ConsentState.REVOKED
            answer = await driver.send(Request("GET", f"{url}/accounts"))
            assert connector.classify(answer).kind is VerdictKind.UNAUTHORIZED

    asyncio.run(story())


@contract
@pytest.mark.parametrize("scenario", [Scenario.INVESTED, Scenario.MANY_CURRENCIES])
def test_every_kind_of_account_keeps_to_it(prism: Prism, scenario: Scenario) -> None:
    """Positions of every kind that there is, and six currencies."""

    async def story() -> None:
        async with held_to_the_specification(prism, OAUTH, scenario) as (visitor, _, driver):
            ledger = Ledger()
            await driver.update(ledger)
            held = [one for told in ledger.holdings.values() for one in told]
            assert len(held) == len(visitor.bank.world.holdings())
            assert ledger.balances

    asyncio.run(story())


@contract
def test_nonsense_would_be_seen(prism: Prism, tmp_path: Path) -> None:
    """Prism is silent on a schema that it cannot read: it reads that of each of our endpoints."""
    nonsense = {
        "activities": {"data": [{"amount": "much"}]},
        "positions": {"results": [{"units": 1}]},
        "connection": {"id": 7},
    }
    lists: dict[str, list[dict[str, object]]] = {
        "accounts": [{"id": 7}],
        "balances": [{"cash": "much"}],
        "connections": [{"disabled": "no"}],
        "brokerages": [{"enabled": "no"}],
    }
    told: dict[str, object] = {**nonsense, **lists}

    async def story() -> None:
        paths = {_filled(path): told[name] for name, path in ASKED.items()}

        async def nonsensical(request: web.Request) -> web.Response:
            return web.json_response(paths[request.path])

        upstream = web.Application()
        upstream.router.add_get("/{any:.*}", nonsensical)
        async with (
            TestServer(upstream) as server,
            prism.proxying(for_people(tmp_path), str(server.make_url("")).rstrip("/")) as url,
            aiohttp.ClientSession() as http,
        ):
            headers = {"Authorization": "Bearer x"}
            for path in paths:
                answer = await asked(Request("GET", url + path, headers), http)
                assert answer.status == 500, (path, answer.body)
            answer = await asked(Request("GET", f"{url}/accounts"), http)
            assert answer.status == 401
            answer = await asked(
                Request("GET", f"{url}{_filled(ASKED['activities'])}?offset=x", headers), http
            )
            assert answer.status == 422

    asyncio.run(story())


def _filled(path: str) -> str:
    return path.format(accountId=SOME, authorizationId=SOME)


@contract
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_the_schemas_allow(prism: Prism, tmp_path: Path, seed: int) -> None:
    """Every answer is understood or refused by name, and every row mapped or quarantined."""

    async def story() -> dict[str, bytes]:
        async with (
            prism.inventing(for_people(tmp_path), seed) as url,
            aiohttp.ClientSession() as http,
        ):
            headers = {"Authorization": "Bearer x"}
            return {
                name: (await asked(Request("GET", url + _filled(path), headers), http)).body
                for name, path in ASKED.items()
            }

    told = asyncio.run(story())
    for body in told.values():
        BROKERS.classify(Response(200, {}, body))
    with suppress(ContractBroken):
        page = parse_activities(told["activities"], "acc")
        listed = json.loads(told["activities"])["data"]
        assert len(page.upserts) + len(page.unmapped) == len(listed)
    understood: list[Callable[[], object]] = [
        lambda: [seen(one) for one in parse_accounts(told["accounts"])],
        lambda: parse_balances(told["balances"], "acc", NOON, BROKERS.zone),
        lambda: parse_positions(told["positions"], "acc"),
        lambda: parse_disabled(told["connection"], "conn"),
    ]
    for understand in understood:
        with suppress(ContractBroken):
            understand()


@contract
def test_snaptrades_own_client_reads_the_face() -> None:
    """`snaptrade-python-sdk` signs with a Personal key, and decodes what the face tells."""
    sdk: Any = pytest.importorskip("snaptrade_client", reason="no group `contract` here")

    def read(url: str, token: str) -> tuple[Any, Any, Any, Any, Any]:
        key = sdk.SnapTradeAuth.personal_api_key(client_id=token, consumer_key=consumer_key(token))
        client = sdk.SnapTrade(auth=key, host=url)
        about = client.account_information
        accounts = about.list_user_accounts().body
        invest = next(one for one in accounts if one["account_category"] == "INVESTMENT")
        name = str(invest["id"])
        return (
            accounts,
            about.get_account_activities(account_id=name, limit=5).body,
            about.get_user_account_balance(account_id=name).body,
            about.get_all_account_positions(account_id=name).body,
            client.connections.list_brokerage_authorizations().body,
        )

    async def story() -> None:
        scenario = Scenario.INVESTED
        async with (
            visiting(transactions=40, scenario=scenario) as visitor,
            at_the_root(visitor) as url,
        ):
            token = visitor.bank.authority.personal_token("ada", scenario)
            told = await asyncio.to_thread(read, url, token)
            accounts, activities, balances, positions, connections = told
            assert len(accounts) == len(visitor.bank.world.accounts)
            assert len(activities["data"]) == 5
            rows = {uid(row.external_id): row for row in visitor.bank.world.live()}
            first = activities["data"][0]
            assert float(first["amount"]) == float(rows[str(first["id"])].amount)
            assert len(balances) == 1
            units = {str(one["units"]) for one in positions["results"]}
            assert "1.234567890123456789" in units
            assert connections[0]["disabled"] is False

    asyncio.run(story())


@asynccontextmanager
async def at_the_root(visitor: Visitor) -> AsyncIterator[str]:
    """Pass on what is asked at the root, for a client that signs no path before its own."""

    async def passed_on(request: web.Request) -> web.Response:
        query = dict(request.query)
        key = consumer_key(query["clientId"])
        path, _, raw = request.raw_path.partition("?")
        signed = signature(f"http://x{path}?{raw}", None, Secret(key))
        assert request.headers["Signature"] == signed, "as our own signature of the same"
        url = f"{visitor.bank.url}{PREFIX}{path}?{raw}"
        headers = {"Signature": signature(url, None, Secret(key))}
        answer = await asked(Request("GET", url, headers), visitor.http)
        return web.Response(status=answer.status, body=answer.body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{any:.*}", passed_on)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
