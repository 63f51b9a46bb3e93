"""The world as a SimpleFIN server tells it: its claim, its windows, its warnings."""

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.sandbox.faces.registry import face_named
from penstock.sandbox.faces.simplefin import A_DAY, CAPPED, NAME, PREFIX, WARNING
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import Answer, Visitor, Watch, visiting

DAY = 86_400
END = 1_795_219_200  # the first moment of 2026-11-21 in Greenwich


def basic(password: str) -> dict[str, str]:
    """Return the header that shows an Access URL's credentials."""
    return {"Authorization": f"Basic {b64encode(f'{NAME}:{password}'.encode()).decode()}"}


@dataclass
class Reader:
    """Somebody who has claimed a token."""

    visitor: Visitor
    password: str

    async def get(self, **query: Any) -> Answer:
        """Ask for the accounts."""
        url = f"{self.visitor.bank.url}{PREFIX}/accounts"
        return await self.visitor.send("GET", url, params=query, headers=basic(self.password))

    async def rows(self, word: str = "checking", **query: Any) -> list[dict[str, Any]]:
        """Return what is told of an account: the last ninety days, unless it is said else."""
        asked = {"start-date": END - 90 * DAY, "end-date": END, "pending": 1, **query}
        accounts = (await self.get(**asked)).json["accounts"]
        (found,) = [one for one in accounts if one["id"].endswith(word)]
        rows: list[dict[str, Any]] = found["transactions"]
        return rows


def claim_url(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> str:
    """Return where a new setup token is claimed."""
    mint = face_named("simplefin").pasted
    assert mint is not None
    return b64decode(mint(visitor.bank, "ada", scenario)).decode()


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Claim a token."""
    answer = await visitor.send("POST", claim_url(visitor, scenario))
    assert answer.status == 200
    access = urlsplit(answer.body.decode())
    assert f"http://{access.netloc.rpartition('@')[2]}{access.path}" == visitor.bank.url + PREFIX
    assert (access.username, bool(access.password)) == (NAME, True)
    return Reader(visitor, access.password or "")


def test_a_token_is_claimed_once() -> None:
    """The second who comes is refused, and the first one's access stays good."""

    async def story() -> None:
        async with visiting() as visitor:
            url = claim_url(visitor)
            assert (await visitor.send("POST", url)).status == 200
            assert (await visitor.send("POST", url)).status == 403
            assert (await visitor.send("POST", f"{visitor.bank.url}{PREFIX}/claim/x")).status == 403
            token = url.rpartition("/")[2]
            answer = await Reader(visitor, token).get()
            assert answer.status == 403, "a setup token itself opens nothing"

    asyncio.run(story())


def test_accounts_of_every_kind() -> None:
    """Balances as text with their time; what is no currency of ISO 4217 has an address."""

    async def story() -> None:
        async with visiting(scenario=Scenario.MANY_CURRENCIES) as visitor:
            ada = await reader(visitor, Scenario.MANY_CURRENCIES)
            accounts = (await ada.get(**{"balances-only": 1})).json["accounts"]
            assert len(accounts) == len(visitor.bank.world.accounts)
            assert all(isinstance(one["balance"], str) for one in accounts)
            assert all(one["transactions"] == [] for one in accounts)
            (address,) = [one["currency"] for one in accounts if "://" in one["currency"]]
            told = (await visitor.send("GET", address)).json
            assert told == {"name": "Btc", "abbr": "BTC"}
            (one,) = (await ada.get(account=accounts[1]["id"])).json["accounts"]
            assert one["id"] == accounts[1]["id"]

    asyncio.run(story())


def test_a_window_includes_its_start_and_not_its_end() -> None:
    """To the second; without a start there are no transactions at all."""

    async def story() -> None:
        async with visiting(transactions=40) as visitor:
            ada = await reader(visitor)
            everything = [one["posted"] for one in await ada.rows() if one["posted"]]
            some = everything[len(everything) // 2]
            later = [one["posted"] for one in await ada.rows(**{"start-date": some})]
            earlier = [one["posted"] for one in await ada.rows(**{"end-date": some})]
            assert some in later
            assert some not in earlier
            assert sorted(filter(None, earlier + later)) == sorted(everything)
            answer = await ada.get()
            assert all(one["transactions"] == [] for one in answer.json["accounts"])

    asyncio.run(story())


def test_pending_rows_are_told_on_demand_under_ids_of_their_own() -> None:
    """They have 0 for `posted`; what they become has another id, and nothing links the two."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            held = world.hold("checking", Decimal("-4.20"), "Ferry")
            (before,) = [one for one in await ada.rows() if one["description"] == "Ferry"]
            assert (before["posted"], before["pending"]) == (0, True)
            asked = {"start-date": END - 90 * DAY, "end-date": END}
            quiet = (await ada.get(**asked)).json["accounts"]
            assert not any(one.get("pending") for each in quiet for one in each["transactions"])
            world.settle(held.external_id, Decimal("-4.20"))
            (after,) = [one for one in await ada.rows() if one["description"] == "Ferry"]
            assert after["posted"] > 0
            assert "pending" not in after
            assert after["id"] != before["id"]
            assert held.external_id not in str(after)

    asyncio.run(story())


def test_a_window_that_is_too_long_is_cut() -> None:
    """Ninety days are answered for, the newest; and `errors` says so, with status 200."""

    async def story() -> None:
        async with visiting(transactions=100) as visitor:
            ada = await reader(visitor)
            answer = await ada.get(**{"start-date": END - 150 * DAY, "end-date": END})
            assert (answer.status, answer.json["errors"]) == (200, [CAPPED])
            told = [one["posted"] for one in answer.json["accounts"][0]["transactions"]]
            assert min(told) >= END - 90 * DAY

    asyncio.run(story())


def test_who_asks_too_often_is_warned() -> None:
    """24 requests a day go without a word; the next is answered, with a warning in `errors`."""

    async def story() -> None:
        watch = Watch()
        async with visiting(clock=watch) as visitor:
            ada = await reader(visitor)
            said = [(await ada.get()).json["errors"] for _ in range(A_DAY + 1)]
            assert said == [[]] * A_DAY + [[WARNING]]
            watch.advance(days=1)
            assert (await ada.get()).json["errors"] == []

    asyncio.run(story())


@pytest.mark.parametrize("query", [{"start-date": "soon"}, {"end-date": "1.5"}])
def test_what_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    """A time is a number of seconds."""

    async def story() -> None:
        async with visiting() as visitor:
            assert (await (await reader(visitor)).get(**query)).status == 400

    asyncio.run(story())


def test_revoked_access_is_forbidden() -> None:
    """403, whether it was revoked, is wrong, or is shown as a bearer token."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            assert (await visitor.get(f"{PREFIX}/accounts", ada.password)).status == 403
            assert (await Reader(visitor, "wrong").get()).status == 403
            headers = {"Authorization": "Basic ???"}
            url = f"{visitor.bank.url}{PREFIX}/accounts"
            assert (await visitor.send("GET", url, headers=headers)).status == 403
            assert (await ada.get()).status == 200
            await visitor.control("consent", {"state": "revoked"})
            assert (await ada.get()).status == 403

    asyncio.run(story())


def test_it_says_which_versions_it_speaks() -> None:
    """`/info` needs no credentials."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.send("GET", f"{visitor.bank.url}{PREFIX}/info")
            assert answer.json == {"versions": ["1.0"]}

    asyncio.run(story())


def test_moving_scenarios_move_once_an_update() -> None:
    """An update begins where the accounts are listed, and no window moves it."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor, Scenario.PENDING)
            versions = []
            for _ in range(3):
                await ada.get(**{"balances-only": 1})
                await ada.rows()
                versions.append(visitor.bank.world.version)
            assert versions == [0, 4, 8]

    asyncio.run(story())
