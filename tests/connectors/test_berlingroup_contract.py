"""NextGenPSD2's own specification, against our face and our connector."""

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

from penstock.connectors.berlingroup import BerlinGroup
from penstock.connectors.berlingroup_accounts import AsOf, parse_accounts, parse_balances
from penstock.connectors.berlingroup_bank import Bank
from penstock.connectors.berlingroup_rows import parse_report
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, OAuthError
from penstock.domain.link_plan import Errand, Return
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.sandbox import steps
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.berlin_samples import BERLIN, DATE, NOON, specification
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import asked, connector_at, link, over_http
from tests.connectors.recording import asked_for
from tests.prism import Prism, readable
from tests.sandbox.visitor import REDIRECT, Visitor, Watch, visiting

contract = pytest.mark.contract
ACCOUNT = "/v1/accounts/acc-1"
READ = {
    "accounts": "/v1/accounts",
    "balances": f"{ACCOUNT}/balances",
    "transactions": f"{ACCOUNT}/transactions?dateFrom=2026-01-01&bookingStatus=both",
}
CONSENT = "/v1/consents/c-1"
OPENED = Credentials(Secret("c-1"))


def at(url: str) -> BerlinGroup:
    """Return the connector as it speaks to an address."""
    made = connector_at("berlingroup", url)
    assert isinstance(made, BerlinGroup)
    return replace(made, bank=Bank(url, clock=Watch(NOON)))


@cache
def examples() -> dict[str, dict[str, bytes]]:
    """Return the official examples by their name, of each schema of an answer that we read."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        parts = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    named = parts["components"]["examples"]

    def told(prefix: str) -> dict[str, bytes]:
        return {
            name: json.dumps(one["value"], default=str).encode()
            for name, one in named.items()
            if name.startswith(prefix)
        }

    return {name: told(name) for name in ("accountList", "balances", "transactions", "consent")}


def test_the_official_examples_are_understood_or_refused_by_name() -> None:
    """Accounts, balances and rows, each with the sign that stands there; a file is refused."""
    told = examples()
    assert len(told["accountList"]) >= 3
    for name, text in told["accountList"].items():
        accounts = parse_accounts(text)
        assert accounts, name
        assert {one.currency for one in accounts} <= {"EUR", "USD", "XXX"}
    for text in told["balances"].values():
        with suppress(ContractBroken):
            parse_balances(text, {"EUR": "a/EUR", "USD": "a/USD"}, AsOf(NOON, BERLIN))
    refused = []
    for name, text in told["transactions"].items():
        amounts = [
            row["transactionAmount"]["amount"]
            for listed in ("pending", "booked")
            for row in json.loads(text).get("transactions", {}).get(listed, [])
        ]
        try:
            found = parse_report(text, {"EUR": "a/EUR", "USD": "a/USD"})
        except ContractBroken as error:
            refused.append((name, error.message))
            continue
        assert len(found.rows) + len(found.unmapped) == len(amounts)
        if not found.unmapped:
            assert [float(row.amount) for row in found.rows] == [float(one) for one in amounts]
    assert [("Download" in name, "file to download" in why) for name, why in refused] == [
        (True, True)
    ]


def test_official_examples_of_consents_are_understood_or_refused() -> None:
    """A redirect is followed, an explicit start too; OAuth, decoupled and embedded are refused."""
    sent, refused = [], []
    connector = at("https://bank.test")
    for name, text in examples()["consent"].items():
        if not name.startswith("consentResponseExample"):
            continue
        start = b'{"_links":{"scaRedirect":{"href":"https://bank.test/sca"}}}'
        answers = iter([text, start])
        (plan,) = connector.link_plans
        try:
            by_hand(
                plan.begin(Errand(REDIRECT, "s", {})),
                lambda _asked, answers=answers: Response(201, {}, next(answers)),  # type: ignore[misc]  # a lambda that keeps its answers
            )
            sent.append(name)
        except (OAuthError, ContractBroken):
            refused.append(name)
    assert any("1a_Redirect" in name for name in sent), (sent, refused)
    assert any("OAuth" in name for name in refused)


@asynccontextmanager
async def held_to_it(prism: Prism, **options: Any) -> AsyncIterator[tuple[Visitor, BerlinGroup]]:
    """Run a bank behind Prism, and a connector that speaks to it through it."""
    with TemporaryDirectory() as folder:
        document = readable(specification(), Path(folder))
        async with (
            visiting(**options) as visitor,
            prism.proxying(document, f"{visitor.bank.url}/berlingroup") as url,
        ):
            yield visitor, at(url)


@contract
@pytest.mark.parametrize("scenario", [Scenario.CALM, Scenario.MANY_CURRENCIES, Scenario.NO_IDS])
def test_the_face_keeps_to_the_specification(prism: Prism, scenario: Scenario) -> None:
    """A whole life: consent, three updates of a moving world, refusals, the end. No violation."""

    async def story() -> None:
        watch = Watch(NOON)
        async with held_to_it(
            prism, scenario=scenario, transactions=40, page_size=9, clock=watch
        ) as (visitor, connector):
            bank = visitor.bank
            credentials = await link(connector, bank, visitor.http, scenario)
            driver, ledger = Driver(connector, visitor.http, credentials), Ledger()
            for turn in range(3):
                await driver.update(ledger)
                steps.wandering(turn, 25)(bank.desk("ada", scenario).world)
            assert ledger.rows
            for kind, meaning in (
                (FaultKind.THROTTLED, VerdictKind.THROTTLED),
                (FaultKind.SERVER_ERROR, VerdictKind.TRANSIENT),
            ):
                bank.queue(Fault(kind), place=Place.BALANCES)
                answer = await driver.send(
                    connector.bank.get("/v1/accounts/acc-ada-checking/balances")
                )
                assert connector.classify(answer).kind is meaning, answer.body
                assert "sl-violations" not in answer.headers
            seen = [await driver.send(connector.bank.get(READ["accounts"])) for _ in range(2)]
            assert [connector.classify(one).kind for one in seen] == [
                VerdictKind.OK,
                VerdictKind.THROTTLED,
            ]
            watch.advance(days=1)
            bank.queue(Fault(FaultKind.WRONG_TYPE), place=Place.ACCOUNTS)
            answer = await driver.send(connector.bank.get(READ["accounts"]))
            assert "accounts.0" in answer.headers["sl-violations"], "so it would be seen"
            bank.authority.grants[0].state = ConsentState.EXPIRED
            answer = await driver.send(connector.bank.get(READ["accounts"]))
            assert connector.classify(answer).consent is ConsentState.EXPIRED
            (plan,) = connector.link_plans
            assert plan.end is not None
            await over_http(visitor.http, plan.end(credentials))
            answer = await driver.send(connector.bank.get(READ["accounts"]))
            assert connector.classify(answer).consent is ConsentState.REVOKED

    asyncio.run(story())


@contract
def test_nonsense_would_be_seen(prism: Prism, tmp_path: Path) -> None:
    """Prism is silent on a schema that it cannot read: it reads that of each of our endpoints."""

    async def nonsense(_request: web.Request) -> web.Response:
        return web.json_response({"transactions": {}})

    async def story() -> None:
        document = readable(specification(), tmp_path)
        upstream = web.Application()
        upstream.router.add_route("*", "/{any:.*}", nonsense)
        async with (
            TestServer(upstream) as server,
            prism.proxying(document, str(server.make_url("")).rstrip("/")) as url,
            aiohttp.ClientSession() as http,
        ):
            connector = at(url)
            signed = [connector.sign(connector.bank.get(path), OPENED) for path in READ.values()]
            signed += [connector.bank.ask("GET", path) for path in (CONSENT, f"{CONSENT}/status")]
            for request in signed:
                told = await asked(request, http)
                assert told.status == 500, (request, told.body)
                told = await asked(replace(request, headers={}), http)
                assert 400 <= told.status < 500, (request, told.body)
            told = await asked(connector.bank.ask("POST", "/v1/consents", b"{}"), http)
            assert 400 <= told.status < 500, told.body

    asyncio.run(story())


@contract
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_schemas_allow(prism: Prism, tmp_path: Path, seed: int) -> None:
    """Every answer is understood or refused by name, and every row mapped or quarantined."""

    async def story() -> dict[str, bytes]:
        document = readable(specification(), tmp_path)
        async with prism.inventing(document, seed) as url, aiohttp.ClientSession() as http:
            connector = at(url)
            requests: dict[str, Request] = {
                name: connector.sign(connector.bank.get(path), OPENED)
                for name, path in READ.items()
            }
            requests["consent"] = connector.bank.ask("GET", CONSENT)
            requests["status"] = connector.bank.ask("GET", f"{CONSENT}/status")
            told = {name: await asked(one, http) for name, one in requests.items()}
            assert {one.status for one in told.values()} == {200}, told
            return {name: one.body for name, one in told.items()}

    told = asyncio.run(story())
    connector = at("https://bank.test")
    rows = json.loads(told["transactions"]).get("transactions", {})
    listed = sum(len(rows.get(name, ())) for name in ("booked", "pending"))
    with suppress(ContractBroken):
        page = parse_report(told["transactions"], {"EUR": "a/EUR"})
        assert len(page.rows) + len(page.unmapped) == listed
    (plan,) = connector.link_plans
    back = Return({}, REDIRECT, Secret("c-1"))

    def by_path(request: Request) -> Response:
        name = "status" if "status" in asked_for(request) else "consent"
        return Response(200, DATE, told[name])

    understood: list[Callable[[], object]] = [
        lambda: parse_accounts(told["accounts"]),
        lambda: parse_balances(told["balances"], {"EUR": "a/EUR"}, AsOf(NOON, BERLIN)),
        lambda: by_hand(plan.finish(back), by_path),
    ]
    for understand in understood:
        with suppress(ContractBroken, OAuthError):
            understand()
