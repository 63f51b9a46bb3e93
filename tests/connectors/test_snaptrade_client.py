"""SnapTrade's own client, against our face."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from penstock.connectors.snaptrade_key import signature
from penstock.domain.request import Request
from penstock.domain.secret import Secret
from penstock.sandbox.faces.snaptrade_oauth import PREFIX, consumer_key
from penstock.sandbox.faces.snaptrade_shapes import uid
from penstock.sandbox.scenario import Scenario
from tests.connectors.linking import asked
from tests.sandbox.visitor import Visitor, visiting


@pytest.mark.contract
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
