"""Up's own OpenAPI file, against our face and our connector."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from penstock.connectors.up import Up
from penstock.connectors.up_accounts import check_ping, parse_accounts, parse_available
from penstock.connectors.up_rows import parse_rows
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken
from penstock.domain.link_plan import TokenPlan
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.admission import take_pasted
from penstock.sandbox import steps
from penstock.sandbox.faces.registry import face_named
from penstock.sandbox.faces.up import PREFIX
from penstock.sandbox.faces.up_feed import uid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.contracts import Detour, DetouringDriver, answers_to, before_nonsense
from tests.connectors.driving import Ledger
from tests.connectors.linking import asked
from tests.connectors.up_samples import SPECIFICATION
from tests.prism import Prism, readable
from tests.sandbox.visitor import Visitor, visiting

pytestmark = pytest.mark.contract
TOKEN = {"Authorization": "Bearer up:yeah:x"}
SINCE = "filter%5Bsince%5D=2026-11-02T00%3A00%3A00%2B11%3A00"
ENDPOINTS = {
    "ping": "util/ping",
    "accounts": "accounts?page%5Bsize%5D=30",
    "account": "accounts/x",
    "transactions": f"accounts/x/transactions?page%5Bsize%5D=100&{SINCE}",
}
"""What we ask of Up."""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """Return the official file, readable for Prism; skips where it is not at hand."""
    if not SPECIFICATION.exists():
        pytest.skip(f"Up's OpenAPI file is not at {SPECIFICATION}")
    return readable(SPECIFICATION, tmp_path)


def requests_at(url: str) -> dict[str, Request]:
    """Return the requests that we make, at an address."""
    return {
        name: Request("GET", f"{url}/{path}", headers=TOKEN) for name, path in ENDPOINTS.items()
    }


def undeclared(answer: Response) -> bool:
    """Tell whether an answer violates nothing but that its status is not in the file."""
    violations = json.loads(answer.headers.get("sl-violations", "[]"))
    unknown = "Unable to match the returned status code"
    return all(one["message"].startswith(unknown) for one in violations)


@asynccontextmanager
async def held_to_it(
    prism: Prism, document: Path, scenario: Scenario = Scenario.CALM
) -> AsyncIterator[tuple[Visitor, DetouringDriver]]:
    """Run a bank behind Prism, and link it; every request and every answer goes past Prism."""
    async with (
        visiting(transactions=60, page_size=9, scenario=scenario) as visitor,
        prism.proxying(document, f"{visitor.bank.url}{PREFIX}") as url,
    ):
        connector = Up(f"{visitor.bank.url}{PREFIX}")
        detour = Detour(connector.base_url, url, visitor.http)
        (plan,) = connector.link_plans
        assert isinstance(plan, TokenPlan)
        mint = face_named("up").pasted
        assert mint is not None
        pasted = Secret(mint(visitor.bank, "ada", scenario))
        granted = await take_pasted(plan, pasted, detour.send)
        yield visitor, DetouringDriver(connector, detour, granted.credentials)


def test_the_face_keeps_to_the_specification(prism: Prism, document: Path) -> None:
    """A link, accounts, pages, windows, errors and a dead token: nothing violates the file."""

    async def story() -> None:
        async with held_to_it(prism, document) as (visitor, driver):
            bank, ledger = visitor.bank, Ledger()
            for turn in range(3):
                await driver.update(ledger)
                steps.wandering(turn, 25)(bank.world)
            assert len(ledger.rows) > 20
            assert all(ledger.cursors.values())
            account = uid(bank.world.accounts[0].external_id)
            assert isinstance(driver.connector, Up)
            listing = Request("GET", f"{driver.connector.base_url}/accounts/{account}/transactions")
            for kind, meaning in (
                (FaultKind.THROTTLED, VerdictKind.THROTTLED),
                (FaultKind.SERVER_ERROR, VerdictKind.TRANSIENT),
            ):
                bank.queue(Fault(kind), place=Place.TRANSACTIONS)
                answer = await driver.send(listing)
                assert driver.connector.classify(answer).kind is meaning, answer.body
                assert undeclared(answer), "the file declares no such answer"
            bank.queue(Fault(FaultKind.WRONG_TYPE), place=Place.TRANSACTIONS)
            answer = await driver.send(listing)
            assert answer.status == 500, "so it would be seen"
            assert '"data"' in answer.headers["sl-violations"]
            bank.authority.end(bank.authority.grants[0], ConsentState.REVOKED)
            answer = await driver.send(listing)
            assert driver.connector.classify(answer).kind is VerdictKind.UNAUTHORIZED
            assert undeclared(answer)

    asyncio.run(story())


def test_every_currency_keeps_to_it(prism: Prism, document: Path) -> None:
    """Without decimals and with three, what is paid abroad too."""

    async def story() -> None:
        async with held_to_it(prism, document, Scenario.MANY_CURRENCIES) as (_, driver):
            ledger = Ledger()
            await driver.update(ledger)
            assert {"JPY", "KWD"} <= {each.currency for each in ledger.balances}

    asyncio.run(story())


def test_nonsense_would_be_seen(prism: Prism, document: Path) -> None:
    """Prism is silent on a schema that it cannot read: it reads that of each of our endpoints.

    Parameters with brackets in their names it does not see; those the face refuses by itself.
    """

    async def story() -> None:
        async with (
            before_nonsense(prism, document) as url,
            aiohttp.ClientSession() as http,
        ):
            for name, request in requests_at(url).items():
                told = await asked(request, http)
                assert told.status == 500, (name, told.body)
                assert "sl-violations" in told.headers
            unsigned = Request("GET", f"{url}/accounts")
            assert (await asked(unsigned, http)).status == 401

    asyncio.run(story())


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_the_schemas_allow(prism: Prism, document: Path, seed: int) -> None:
    """Every answer is understood or refused by name, and every row mapped or quarantined."""

    async def story() -> dict[str, bytes]:
        async with prism.inventing(document, seed) as url, aiohttp.ClientSession() as http:
            return await answers_to(requests_at(url), http)

    told = asyncio.run(story())
    for body in told.values():
        assert Up().classify(Response(200, {}, body)).kind is VerdictKind.OK
    listed = json.loads(told["transactions"])["data"]
    with suppress(ContractBroken):
        rows = parse_rows(told["transactions"], "x")
        assert len(rows.made) + len(rows.unmapped) == len(listed)
        assert all(one.reason.startswith("The bank's transactions") for one in rows.unmapped)
    for row in listed:  # as if it were of the account that was asked for
        row["relationships"]["account"]["data"]["id"] = "x"
    body = json.dumps({"data": listed, "links": {"prev": None, "next": None}}).encode()
    rows = parse_rows(body, "x")
    assert len(rows.made) + len(rows.unmapped) == len(listed)
    understood: list[Callable[[], object]] = [
        lambda: check_ping(told["ping"]),
        lambda: parse_accounts(told["accounts"]),
        lambda: parse_available(told["account"], "x"),
    ]
    for understand in understood:
        with suppress(ContractBroken):
            understand()
