"""SnapTrade's own specification, against our face and our connector."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

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
from penstock.connectors.snaptrade_rows import parse_activities
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.transaction import Status
from penstock.sandbox import steps
from penstock.sandbox.faces.snaptrade_oauth import PREFIX
from penstock.sandbox.faces.snaptrade_shapes import uid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import asked, connector_at, link
from tests.connectors.snaptrade_samples import BROKERS
from tests.connectors.snaptrade_specification import ASKED, SOME, examples, for_people
from tests.prism import Prism
from tests.sandbox.visitor import NOON, Visitor, visiting

contract = pytest.mark.contract
OAUTH, KEY = 0, 1


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
