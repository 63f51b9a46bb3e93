"""The sandbox bank as SnapTrade: over HTTP, with state."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from penstock.domain.request import Request
from penstock.sandbox.faces.snaptrade_oauth import PREFIX, consumer_key, signature
from penstock.sandbox.faces.snaptrade_shapes import uid
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver
from tests.connectors.linking import connector_at, link
from tests.sandbox.visitor import Answer, Visitor, Watch, visiting


@dataclass
class Reader:
    """Who reads Ada's accounts."""

    visitor: Visitor
    token: str

    async def get(self, path: str, **query: str) -> Answer:
        return await self.visitor.get(f"{PREFIX}/{path}", self.token, **query)

    async def activities(self, word: str = "checking", **query: str) -> Any:
        name = uid(f"acc-ada-{word}")
        return (await self.get(f"accounts/{name}/activities", **query)).json


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Consent."""
    connector = connector_at("snaptrade", visitor.bank.url)
    opened = await link(connector, visitor.bank, visitor.http, scenario)
    return Reader(visitor, opened.access.reveal())


def test_it_says_where_its_authorization_server_is() -> None:
    """RFC 8414, and nothing but what SnapTrade takes: S256, HTTP Basic, `read` and `webhook`."""

    async def story() -> None:
        async with visiting() as visitor:
            url = f"{visitor.bank.url}/.well-known/oauth-authorization-server{PREFIX}"
            told = (await visitor.send("GET", url)).json
            assert told["issuer"] == f"{visitor.bank.url}{PREFIX}"
            assert told["token_endpoint"].endswith("/oauth/token/")
            assert told["code_challenge_methods_supported"] == ["S256"]
            assert told["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
            assert told["scopes_supported"] == ["read", "webhook"]

    asyncio.run(story())


def test_pages_go_by_offset_newest_first() -> None:
    """Every booked row once, whatever the size of the pages; `total` counts them all."""

    async def story() -> None:
        async with visiting(transactions=60) as visitor:
            ada = await reader(visitor)
            whole = await ada.activities()
            days = [one["trade_date"] for one in whole["data"]]
            assert days == sorted(days, reverse=True)
            assert whole["pagination"]["total"] == len(days) > 10
            paged: list[Any] = []
            for offset in range(0, len(days), 7):
                page = await ada.activities(offset=str(offset), limit="7")
                assert page["pagination"] == {"offset": offset, "limit": 7, "total": len(days)}
                paged += page["data"]
            assert paged == whole["data"]

    asyncio.run(story())


def test_windows_have_both_ends() -> None:
    """`startDate` and `endDate` are days, and both belong to it."""

    async def story() -> None:
        async with visiting(transactions=60) as visitor:
            ada = await reader(visitor)
            rows = (await ada.activities())["data"]
            first, last = rows[-3]["trade_date"][:10], rows[3]["trade_date"][:10]
            told = await ada.activities(startDate=first, endDate=last)
            expected = [one for one in rows if first <= one["trade_date"][:10] <= last]
            assert told["data"] == expected
            assert told["pagination"]["total"] == len(expected)

    asyncio.run(story())


def test_nothing_is_told_before_it_is_booked() -> None:
    """Holds are not activities, and a row that is taken back is there no more."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world

            async def ferries() -> list[Any]:
                return [
                    one for one in (await ada.activities())["data"] if one["description"] == "Ferry"
                ]

            held = world.hold("checking", Decimal("-4.20"), "Ferry")
            assert await ferries() == []
            posted = world.settle(held.external_id)
            (told,) = await ferries()
            assert (told["amount"], told["type"]) == (-4.2, "WITHDRAWAL")
            world.remove(posted.external_id)
            assert await ferries() == []

    asyncio.run(story())


def test_mutation_moves_rows_between_two_pages() -> None:
    """Once, and not before the second page."""

    async def story() -> None:
        async with visiting(transactions=60) as visitor:
            ada = await reader(visitor, Scenario.MUTATION)
            before = await ada.activities(limit="5")
            assert await ada.activities(limit="5") == before
            await ada.activities(offset="5", limit="5")
            after = await ada.activities(limit="5")
            assert after["data"] != before["data"]
            await ada.activities(offset="5", limit="5")
            assert await ada.activities(limit="5") == after

    asyncio.run(story())


def test_positions_are_texts_and_move() -> None:
    """To the last decimal; a sale shows at once."""

    async def story() -> None:
        async with visiting(scenario=Scenario.INVESTED) as visitor:
            ada, world = await reader(visitor, Scenario.INVESTED), visitor.bank.world
            path = f"accounts/{uid('acc-ada-invest')}/positions/all"
            told = (await ada.get(path)).json
            by_name = {one["instrument"]["description"]: one for one in told["results"]}
            assert by_name["Ether"]["units"] == "1.234567890123456789"
            assert by_name["Sluice & Sons (short)"]["units"] == "-40"
            assert told["data_freshness"]["as_of"].endswith("Z")
            world.trade("WEIR", Decimal(-12))
            symbols = {one["instrument"]["symbol"] for one in (await ada.get(path)).json["results"]}
            assert "WEIR" not in symbols
            checking = f"accounts/{uid('acc-ada-checking')}/positions/all"
            assert (await ada.get(checking)).json["results"] == []

    asyncio.run(story())


def test_a_client_has_250_requests_in_any_minute() -> None:
    """With a key every answer says how many are left; what comes with a token is told nothing."""

    async def story() -> None:
        watch = Watch()
        async with visiting(clock=watch) as visitor:
            bank = visitor.bank
            connector = connector_at("snaptrade", bank.url, clock=watch)
            ada = Driver(connector, visitor.http, await link(connector, bank, visitor.http, plan=1))
            brokers, accounts = (
                Request("GET", f"{bank.url}{PREFIX}/{path}") for path in ("brokerages", "accounts")
            )
            for left in reversed(range(249)):  # the first was spent on trying the key
                answer = await ada.send(brokers)
                assert answer.headers["x-ratelimit-remaining"] == str(left)
                assert "x-ratelimit-account-limit" not in answer.headers
            watch.advance(seconds=20)
            refused = await ada.send(accounts)
            assert refused.status == 429
            assert b"Expected available in 40 seconds." in refused.body
            assert refused.headers["x-ratelimit-reset"] == "40"
            other = await (await reader(visitor)).get("accounts")
            assert other.status == 200
            assert not [name for name in other.headers if "ratelimit" in name.lower()]
            watch.advance(seconds=40)
            assert (await ada.send(accounts)).status == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("accounts/unknown", {}, 404),
        ("accounts/unknown/activities", {}, 404),
        ("authorizations/unknown", {}, 404),
        ("accounts/{main}/activities", {"offset": "-1"}, 400),
        ("accounts/{main}/activities", {"limit": "many"}, 400),
        ("accounts/{main}/activities", {"startDate": "yesterday"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, query: dict[str, str], status: int) -> None:
    """In SnapTrade's words: `detail`, `status_code`, `code`."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            answer = await ada.get(path.format(main=uid("acc-ada-checking")), **query)
            assert (answer.status, answer.json["status_code"]) == (status, status)
            assert answer.json.keys() == {"detail", "status_code", "code"}

    asyncio.run(story())


def test_who_is_not_let_in() -> None:
    """Without a token, with a dead one, or with a signature of nobody's: 401."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            url = f"{visitor.bank.url}{PREFIX}/accounts"
            assert (await visitor.send("GET", url)).status == 401
            assert (await visitor.get(f"{PREFIX}/accounts", "unknown")).status == 401
            assert (await ada.get("accounts")).status == 200
            now = int(visitor.bank.options.clock().timestamp())
            query = f"clientId=nobody&timestamp={now}"
            content = {"content": None, "path": f"{PREFIX}/accounts", "query": query}
            made = {"Signature": signature(content, consumer_key("nobody"))}
            answer = await visitor.send("GET", f"{url}?{query}", headers=made)
            assert answer.status == 401
            await visitor.control("expire-access")
            assert (await ada.get("accounts")).status == 401

    asyncio.run(story())


def test_money_is_numbers() -> None:
    """Exactly as many digits as the amount has."""

    async def story() -> None:
        async with visiting(scenario=Scenario.MANY_CURRENCIES) as visitor:
            ada = await reader(visitor, Scenario.MANY_CURRENCIES)
            path = f"accounts/{uid('acc-ada-bitcoin')}/balances"
            body = (await ada.get(path)).body
            (told,) = msgspec.json.decode(body, type=list[dict[str, Any]])
            assert told["currency"]["code"] == "BTC"
            assert b'"cash":' in body

    asyncio.run(story())
