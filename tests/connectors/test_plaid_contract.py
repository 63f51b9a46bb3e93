"""Plaid's own specification and client, against our face and our connector."""

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

from penstock.connectors.plaid import Plaid
from penstock.connectors.plaid_accounts import (
    parse_accounts,
    parse_balances,
    parse_institution,
    parse_institutions,
    parse_item,
)
from penstock.connectors.plaid_app import App
from penstock.connectors.plaid_rows import parse_page
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken, OAuthError
from penstock.domain.link_plan import Errand, Return
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Balances, Page
from penstock.sandbox import steps
from penstock.sandbox.faces.plaid import CLIENT_ID, SECRET
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.contracts import before_nonsense, renewed
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import asked, connector_at, link, over_http
from tests.connectors.plaid_samples import Told, specification
from tests.prism import Prism, readable
from tests.sandbox.visitor import NOON, REDIRECT, Visitor, visiting

contract = pytest.mark.contract
OF_ITEM = {"access_token": "x"}
ASKED: dict[str, dict[str, Any]] = {
    "accounts/get": OF_ITEM,
    "institutions/get_by_id": {"institution_id": "x", "country_codes": ["US"]},
    "institutions/search": {"query": "x", "country_codes": ["US"]},
    "institutions/get": {"count": 9, "offset": 0, "country_codes": ["US"]},
    "item/get": OF_ITEM,
    "item/public_token/exchange": {"public_token": "x"},
    "item/remove": OF_ITEM,
    "link/token/create": {"client_name": "x", "language": "en", "country_codes": ["US"]},
    "link/token/get": {"link_token": "x"},
    "transactions/sync": OF_ITEM,
}
"""The least that may be asked at each endpoint that we use."""


@cache
def examples() -> dict[str, bytes]:
    """Return the official example of each endpoint's good answer."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        paths = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["paths"]
    return {name: _example(paths[f"/{name}"]["post"]) for name in ASKED}


def _example(operation: Any) -> bytes:
    answer = operation["responses"]["200"]["content"]["application/json"]
    return json.dumps(answer["examples"]["example-1"]["value"], default=str).encode()


def at(url: str) -> Plaid:
    """Return the connector as it speaks to an address."""
    return replace(plaid_at(url), app=App(url, CLIENT_ID, Secret(SECRET)))


def plaid_at(url: str) -> Plaid:
    """Return the connector with the options of the face."""
    made = connector_at("plaid", url)
    assert isinstance(made, Plaid)
    return made


def test_the_official_examples_are_understood() -> None:
    """A pull, a discovery and both halves of a link, with nothing but Plaid's own examples."""
    told = examples()

    def answer(request: Request) -> Response:
        return Response(200, {}, told[request.endpoint])

    connector = at("https://plaid.test")
    _, discovery = by_hand(connector.discover(), answer)
    accounts = [each.external_id for each in discovery.accounts]
    found, _ = by_hand(connector.pull(connector.streams(discovery)[0], None), answer)
    balances, page = found
    assert isinstance(balances, Balances)
    assert isinstance(page, Page)
    assert {each.account for each in balances.balances} == set(accounts)
    assert (len(page.upserts), len(page.removed), len(page.unmapped)) == (2, 1, 0)
    (plan,) = connector.link_plans
    back = Return({}, REDIRECT, Secret('{"link_token":"link-1"}'))
    sessions = Told(told["link/token/get"], told["item/public_token/exchange"])
    granted = sessions.run(plan.finish(back))
    assert granted.credentials.access.reveal().startswith("access-sandbox-")
    public_tokens = json.loads(told["link/token/get"])["link_sessions"][0]["results"]
    last = public_tokens["item_add_results"][-1]["public_token"]
    assert sessions.asked[1][1] == {"public_token": last}
    assert parse_institution(told["institutions/get_by_id"]).name
    for words in ("", "mill"):
        assert by_hand(connector.search(words, "US"), answer)[1]
    with pytest.raises(ContractBroken, match="hosted_link_url"):
        Told(told["link/token/create"]).run(plan.begin(Errand(REDIRECT, "s", {})))


@asynccontextmanager
async def held_to_the_specification(
    prism: Prism, **options: Any
) -> AsyncIterator[tuple[Visitor, Plaid]]:
    """Run a bank behind Prism; yield it, and a connector that only knows Prism."""
    with TemporaryDirectory() as folder:
        document = readable(specification(), Path(folder))
        async with (
            visiting(**options) as visitor,
            prism.proxying(document, f"{visitor.bank.url}/plaid") as url,
        ):
            yield visitor, replace(at(url), page_size=9)


@contract
def test_the_face_keeps_to_the_specification(prism: Prism) -> None:
    """A link, pages, deltas, errors, a renewal and the end: no request, no answer violates it."""

    async def story() -> None:
        async with held_to_the_specification(prism, transactions=40) as (visitor, connector):
            bank = visitor.bank
            credentials = await link(connector, bank, visitor.http)
            for words in ("sandbox", ""):
                assert await over_http(visitor.http, connector.search(words, ""))
            driver, ledger = Driver(connector, visitor.http, credentials), Ledger()
            for turn in range(3):
                await driver.update(ledger)
                assert {key[1] for key in ledger.rows} == {r.external_id for r in bank.world.live()}
                steps.wandering(turn, 25)(bank.world)
            for kind, meaning in (
                (FaultKind.CURSOR_LOST, VerdictKind.CURSOR_LOST),
                (FaultKind.MUTATION, VerdictKind.RESTART),
                (FaultKind.NOT_READY, VerdictKind.OK),
                (FaultKind.THROTTLED, VerdictKind.THROTTLED),
                (FaultKind.SERVER_ERROR, VerdictKind.TRANSIENT),
            ):
                bank.queue(Fault(kind), place=Place.TRANSACTIONS)
                answer = await driver.send(connector.app.post("transactions/sync", count=1))
                assert connector.classify(answer).kind is meaning, answer.body
                assert "sl-violations" not in answer.headers
            bank.queue(Fault(FaultKind.WRONG_TYPE), place=Place.TRANSACTIONS)
            answer = await driver.send(connector.app.post("transactions/sync"))
            assert "added.0.amount" in answer.headers["sl-violations"], "so it would be seen"
            bank.authority.grants[0].state = ConsentState.EXPIRED
            answer = await driver.send(connector.app.post("accounts/get"))
            assert connector.classify(answer).consent is ConsentState.EXPIRED
            await renewed(visitor, connector, credentials)
            await driver.update(ledger)
            (plan,) = connector.link_plans
            assert plan.end is not None
            await over_http(visitor.http, plan.end(credentials))
            answer = await driver.send(connector.app.post("item/get"))
            assert connector.classify(answer).consent is ConsentState.REVOKED

    asyncio.run(story())


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


@contract
def test_nonsense_would_be_seen(prism: Prism, tmp_path: Path) -> None:
    """Prism is silent on a schema that it cannot read: it reads that of each of our endpoints."""

    async def story() -> None:
        document = readable(specification(), tmp_path)
        async with before_nonsense(prism, document) as url, aiohttp.ClientSession() as http:
            app = at(url).app
            for endpoint, content in ASKED.items():
                told = await asked(app.post(endpoint, **content), http)
                assert told.status == 500, (endpoint, told.body)
                told = await asked(app.post(endpoint), http)
                assert told.status == 422, (endpoint, told.body)

    asyncio.run(story())


@contract
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_schemas_allow(prism: Prism, tmp_path: Path, seed: int) -> None:
    """Every answer is understood or refused by name, and every row mapped or quarantined."""

    async def story() -> dict[str, bytes]:
        document = readable(specification(), tmp_path)
        async with prism.inventing(document, seed) as url, aiohttp.ClientSession() as http:
            app = at(url).app
            return {
                endpoint: (await asked(app.post(endpoint, **content), http)).body
                for endpoint, content in ASKED.items()
            }

    told = asyncio.run(story())
    connector = at("https://plaid.test")
    for body in told.values():
        connector.classify(Response(200, {}, body))
    rows = json.loads(told["transactions/sync"])
    page = parse_page(told["transactions/sync"])
    listed = sum(len(rows[name]) for name in ("added", "modified", "removed"))
    assert len(page.upserts) + len(page.removed) + len(page.unmapped) == listed
    (plan,) = connector.link_plans
    back = Return({}, REDIRECT, Secret('{"link_token":"link-1"}'))
    understood: list[Callable[[], object]] = [
        lambda: parse_accounts(told["accounts/get"]),
        lambda: parse_balances(told["accounts/get"], NOON, connector.zone),
        lambda: parse_item(told["item/get"]),
        lambda: parse_institution(told["institutions/get_by_id"]),
        lambda: parse_institutions(told["institutions/search"]),
        lambda: Told(told["link/token/create"]).run(plan.begin(Errand(REDIRECT, "s", {}))),
        lambda: Told(told["link/token/get"], told["item/public_token/exchange"]).run(
            plan.finish(back)
        ),
    ]
    for understand in understood:
        with suppress(ContractBroken, OAuthError):
            understand()


@contract
def test_plaids_own_client_reads_the_face() -> None:
    """`plaid-python`, with every type checked, reads what the face tells; it decodes strictly."""
    sdk: Any = pytest.importorskip("plaid", reason="the group `contract` is not installed")
    api_of: Any = pytest.importorskip("plaid.api.plaid_api")

    def read(url: str, token: str) -> tuple[Any, Any, Any, Any]:
        keys = {"clientId": CLIENT_ID, "secret": SECRET, "plaidVersion": "2020-09-14"}
        with sdk.ApiClient(sdk.Configuration(host=f"{url}/plaid", api_key=keys)) as client:
            api = api_of.PlaidApi(client)
            return (
                api.accounts_get({"access_token": token}),
                api.item_get({"access_token": token}),
                api.transactions_sync({"access_token": token, "count": 500}),
                api.institutions_get_by_id(
                    {"institution_id": "ins_sandbox", "country_codes": ["US"]}
                ),
            )

    async def story() -> None:
        async with visiting(transactions=40) as visitor:
            connector = plaid_at(visitor.bank.url)
            opened = await link(connector, visitor.bank, visitor.http)
            token = opened.access.reveal()
            told = await asyncio.to_thread(read, visitor.bank.url, token)
            accounts, item, page, found = told
            assert len(accounts.accounts) == 3
            assert item.item.institution_name == found.institution.name == "Sandbox Bank"
            assert len(page.added) == 40
            row = visitor.bank.world.get(page.added[0].transaction_id)
            assert page.added[0].amount == float(-row.amount)

    asyncio.run(story())
