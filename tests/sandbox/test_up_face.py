"""The world as Up tells it: its resources, its pages, its window and its limits."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from penstock.sandbox.faces.up import PREFIX
from penstock.sandbox.faces.up_feed import uid
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import Answer, Visitor, Watch, visiting


@dataclass
class Reader:
    """Somebody with a personal token."""

    visitor: Visitor
    token: str

    async def get(self, path: str, **query: str) -> Answer:
        return await self.visitor.get(f"{PREFIX}/{path}", self.token, **query)

    async def transactions(self, **query: str) -> list[dict[str, Any]]:
        """Return everything that is listed of the main account, page after page."""
        main = uid(self.visitor.bank.world.accounts[0].external_id)
        answer = (await self.get(f"accounts/{main}/transactions", **query)).json
        found: list[dict[str, Any]] = answer["data"]
        while answer["links"]["next"]:
            headers = {"Authorization": f"Bearer {self.token}"}
            link = answer["links"]["next"]
            answer = (await self.visitor.send("GET", link, headers=headers)).json
            found += answer["data"]
        return found


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Make a token by hand."""
    answer = await visitor.control("personal-token", {"person": "ada", "scenario": scenario})
    return Reader(visitor, answer.json["token"])


def test_accounts_and_their_available_balance() -> None:
    """A spending account and a saver; what is on hold is off the one balance; no cards."""

    async def story() -> None:
        async with visiting(page_size=1) as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            first = (await ada.get("accounts")).json
            assert first["links"]["next"], "one account a page"
            (main,) = first["data"]
            assert main["attributes"]["accountType"] == "TRANSACTIONAL"
            before = main["attributes"]["balance"]["valueInBaseUnits"]
            world.hold("checking", Decimal("-4.20"), "Tea")
            after = (await ada.get(f"accounts/{main['id']}")).json["data"]["attributes"]
            assert after["balance"]["valueInBaseUnits"] == before - 420
            headers = {"Authorization": f"Bearer {ada.token}"}
            second = (await visitor.send("GET", first["links"]["next"], headers=headers)).json
            assert [one["attributes"]["accountType"] for one in second["data"]] == ["SAVER"]
            assert second["links"]["next"] is None

    asyncio.run(story())


def test_transactions_are_newest_first_page_after_page() -> None:
    """Whatever the size of the pages, each row comes once, and the newest first."""

    async def story() -> None:
        lists = []
        for size in (1, 7, 100):
            async with visiting(transactions=60, page_size=size) as visitor:
                lists.append(await (await reader(visitor)).transactions())
        made = [one["attributes"]["createdAt"] for one in lists[0]]
        assert made == sorted(made, reverse=True)
        assert lists[0] == [
            {**one, "links": lists[0][n]["links"], "relationships": lists[0][n]["relationships"]}
            for n, one in enumerate(lists[1])
        ]
        assert [one["id"] for one in lists[1]] == [one["id"] for one in lists[2]]
        assert len({one["id"] for one in lists[0]}) == len(lists[0]) > 10

    asyncio.run(story())


def test_a_window_has_both_ends() -> None:
    """`filter[since]` and `filter[until]` go by the instant at which a row was created."""

    async def story() -> None:
        async with visiting(transactions=60, page_size=50) as visitor:
            ada = await reader(visitor)
            everything = await ada.transactions()
            since, until = (everything[n]["attributes"]["createdAt"] for n in (9, 3))
            assert await ada.transactions(**{"filter[since]": since}) == everything[:10]
            window = await ada.transactions(**{"filter[since]": since, "filter[until]": until})
            assert window == everything[3:10]

    asyncio.run(story())


def test_a_transaction_keeps_its_id_when_it_settles() -> None:
    """HELD becomes SETTLED in place; what is taken back is there no more, without a word."""

    async def story() -> None:
        async with visiting(page_size=50) as visitor:
            ada, world = await reader(visitor), visitor.bank.world

            async def ferry() -> list[dict[str, Any]]:
                rows = await ada.transactions()
                return [one for one in rows if one["attributes"]["description"] == "Ferry"]

            held = world.hold("checking", Decimal("-4.20"), "Ferry")
            (before,) = await ferry()
            world.advance(1)
            posted = world.settle(held.external_id, Decimal("-5.00"))
            (after,) = await ferry()
            assert before["id"] == after["id"]
            assert before["attributes"]["createdAt"] == after["attributes"]["createdAt"]
            assert (before["attributes"]["status"], before["attributes"]["settledAt"]) == (
                "HELD",
                None,
            )
            assert after["attributes"]["status"] == "SETTLED"
            assert after["attributes"]["settledAt"].endswith("+11:00")
            world.remove(posted.external_id)
            assert await ferry() == []

    asyncio.run(story())


def test_an_hour_has_a_thousand_requests() -> None:
    """Each answer says how many are left; the one after the last is a 429 in JSON:API's words."""

    async def story() -> None:
        watch = Watch()
        async with visiting(clock=watch) as visitor:
            ada = await reader(visitor)
            first = await ada.get("util/ping")
            assert first.headers["X-RateLimit-Remaining"] == "999"
            for _ in range(998):
                await ada.get("util/ping")
            last = await ada.get("util/ping")
            assert (last.status, last.headers["X-RateLimit-Remaining"]) == (200, "0")
            refused = await ada.get("util/ping")
            assert refused.status == 429
            assert refused.json["errors"][0]["title"] == "Too Many Requests"
            watch.advance(hours=1)
            assert (await ada.get("util/ping")).status == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("accounts/unknown", {}, 404),
        ("accounts/unknown/transactions", {}, 404),
        ("accounts/{main}/transactions", {"filter[since]": "yesterday"}, 400),
        ("accounts/{main}/transactions", {"filter[since]": "2026-11-20T00:00:00"}, 400),
        ("accounts/{main}/transactions", {"page[after]": "nowhere"}, 400),
        ("accounts/{main}/transactions", {"page[size]": "0"}, 400),
        ("accounts/{main}/transactions", {"page[size]": "many"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, query: dict[str, str], status: int) -> None:
    """Unknown accounts are 404, unreadable parameters 400, both as JSON:API errors."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            main = uid(visitor.bank.world.accounts[0].external_id)
            answer = await ada.get(path.format(main=main), **query)
            assert answer.status == status
            assert answer.json["errors"][0]["status"] == str(status)

    asyncio.run(story())


def test_a_dead_token_is_not_authorized() -> None:
    """Without a token, or with one that was deleted: 401."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            assert (await visitor.get(f"{PREFIX}/util/ping", "unknown")).status == 401
            assert (await ada.get("util/ping")).status == 200
            await visitor.control("expire-access")
            answer = await ada.get("util/ping")
            assert (answer.status, answer.json["errors"][0]["title"]) == (401, "Not Authorized")

    asyncio.run(story())


def test_moving_scenarios_move_once_an_update() -> None:
    """An update begins with the first page of the main account, and no later page moves it."""

    async def story() -> None:
        async with visiting(page_size=2) as visitor:
            ada = await reader(visitor, Scenario.PENDING)
            versions = []
            for _ in range(3):
                await ada.transactions()
                versions.append(visitor.bank.world.version)
            assert versions == [0, 4, 8]

    asyncio.run(story())
