"""The world as MX tells it: users and logins, jobs that take their time, pages with numbers."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import encode_basic_auth

from penstock.domain.consent import ConsentState
from penstock.sandbox.faces.mx import API_KEY, CLIENT_ID, MEDIA
from penstock.sandbox.faces.mx_shapes import row_guid
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import REDIRECT, Answer, Visitor, visiting

KEYS = {"Authorization": encode_basic_auth(CLIENT_ID, API_KEY), "Accept": MEDIA}


@dataclass
class Reader:
    """Somebody with a login."""

    visitor: Visitor
    path: str

    async def ask(self, what: str = "", method: str = "GET", **query: Any) -> Answer:
        path = f"{self.path}/{what}" if what else self.path
        return await ask(self.visitor, method, path, params=query)

    async def read(self) -> None:
        """Have the bank read, to the end of it."""
        begun = await self.ask("aggregate", "POST")
        assert begun.status == 202
        assert begun.json["member"]["is_being_aggregated"]
        works = [(await self.ask("status")).json["member"]["is_being_aggregated"] for _ in "ab"]
        assert works == [True, False]

    async def rows(self, **query: Any) -> list[dict[str, Any]]:
        answer = await self.ask("transactions", records_per_page=1000, **query)
        found: list[dict[str, Any]] = answer.json["transactions"]
        return found


async def ask(visitor: Visitor, method: str, path: str, **options: Any) -> Answer:
    """Send a request with our keys."""
    url = f"{visitor.bank.url}/mx/{path}"
    return await visitor.send(method, url, **{"headers": KEYS, **options})


async def visit(visitor: Visitor, user: str, decision: str = "allow", **wanted: Any) -> Any:
    """Go to the widget and decide; return what stands in the query of the way back."""
    widget = {
        "widget_type": "connect_widget",
        "client_redirect_url": f"{REDIRECT}?state=s",
        **{name: text for name, text in wanted.items() if name != "scenario"},
    }
    shown = await ask(visitor, "POST", f"users/{user}/widget_urls", json={"widget_url": widget})
    form = {"decision": decision, "scenario": wanted.get("scenario", "calm")}
    decided = await visitor.send("POST", shown.json["widget_url"]["url"], data=form)
    back = urlsplit(decided.headers["Location"])
    assert decided.headers["Location"].startswith(f"{REDIRECT}?state=s&")
    return dict(parse_qsl(back.query))


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Make a user, and link their bank."""
    made = await ask(visitor, "POST", "users", json={"user": {"id": "ada"}})
    user = made.json["user"]["guid"]
    told = await visit(visitor, user, scenario=scenario)
    assert (told["status"], told["user_guid"]) == ("success", user)
    return Reader(visitor, f"users/{user}/members/{told['member_guid']}")


def test_accounts_and_balances() -> None:
    """What is owed on the card is positive, and its available credit is what can be spent."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            answer = await ada.ask("accounts")
            assert answer.headers["Content-Type"].startswith(MEDIA)
            checking, savings, card = answer.json["accounts"]
            assert (checking["type"], savings["type"]) == ("CHECKING", "SAVINGS")
            assert 0 < card["balance"] < card["credit_limit"]
            assert 0 < card["available_credit"] < card["credit_limit"]
            assert (card["available_balance"], checking["available_credit"]) == (None, None)
            assert answer.json["pagination"]["total_pages"] == 1

    asyncio.run(story())


def test_a_login_knows_what_its_last_job_found() -> None:
    """The world moves on; MX hears of it by a job, which ends at the second look."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            before = await ada.rows()
            assert len(before) == 15
            held = world.hold("checking", -world.history.row(0).amount, "Ferry")
            assert await ada.rows() == before
            await ada.read()
            (new,) = [one for one in await ada.rows() if one not in before]
            assert (new["status"], new["posted_at"]) == ("PENDING", None)
            assert (new["type"], new["amount"]) == ("DEBIT", float(-held.amount))
            posted = world.settle(held.external_id)
            await ada.read()
            (new,) = [one for one in await ada.rows() if one["guid"] == row_guid(posted)]
            assert (new["status"], new["guid"]) == ("POSTED", row_guid(held))
            assert new["posted_at"] == f"{world.today}T12:00:00Z"

    asyncio.run(story())


def test_pages_and_filters() -> None:
    """`records_per_page` within its range, days, and the day of the last change."""

    async def story() -> None:
        async with visiting(transactions=90) as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            everything = await ada.rows(from_date="2000-01-01")
            assert len(everything) == 90
            assert len(await ada.rows()) < 90, "without a day it is the last 120"
            for asked, got in ((10, 10), (3, 10), (1_001, 25), ("x", 25)):
                answer = await ada.ask("transactions", records_per_page=asked, page=2)
                assert len(answer.json["transactions"]) == got
                assert answer.json["pagination"]["current_page"] == 2
            since, until = everything[10]["date"], everything[0]["date"]
            some = await ada.rows(from_date=since, to_date=until)
            assert some == [one for one in everything if since <= one["date"] < until]
            world.advance(10)
            world.amend("tx-ada-00000002", description="Other words")
            await ada.read()
            (changed,) = await ada.rows(from_date="2000-01-01", from_updated_at=f"{world.today}")
            assert changed["original_description"] == "Other words"
            assert (await ada.ask("transactions", from_date="today")).status == 400

    asyncio.run(story())


def test_a_login_in_trouble_says_so() -> None:
    """Its status is what stands in the way; what was read before is told all the same."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            (grant,) = visitor.bank.authority.grants
            for state, status in (
                (ConsentState.LOGIN_REQUIRED, "CHALLENGED"),
                (ConsentState.EXPIRED, "EXPIRED"),
                (ConsentState.REVOKED, "DENIED"),
            ):
                grant.state = state
                assert (await ada.ask()).json["member"]["connection_status"] == status
                assert len(await ada.rows()) == 15
            user, member = ada.path.split("/")[1::2]
            await visit(visitor, user, current_member_guid=member)
            assert (await ada.ask()).json["member"]["connection_status"] == "CONNECTED"

    asyncio.run(story())


def test_users_and_logins_end() -> None:
    """A login that was deleted, or whose user was, is not found; so is everything of others."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, ben = await reader(visitor), await reader(visitor)
            assert (await ada.ask(method="DELETE")).status == 204
            assert (await ada.ask("accounts")).status == 404
            user = ben.path.partition("/members/")[0]
            assert len((await ask(visitor, "GET", f"{user}/members")).json["members"]) == 1
            assert (await ask(visitor, "DELETE", user)).status == 204
            for path in (user, f"{user}/members", ben.path):
                assert (await ask(visitor, "GET", path)).status == 404
            told = await visit(visitor, await another(visitor), "deny")
            assert (told["status"], told["error_reason"]) == ("error", "CANCELLED")

    asyncio.run(story())


async def another(visitor: Visitor) -> str:
    """Make one more user."""
    made = await ask(visitor, "POST", "users", json={"user": {"id": "x"}})
    guid: str = made.json["user"]["guid"]
    return guid


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {**KEYS, "Authorization": encode_basic_auth(CLIENT_ID, "wrong")}}, 401),
        ({"headers": {"Accept": MEDIA}}, 401),
        ({"headers": {**KEYS, "Accept": "text/html"}}, 406),
        ({"json": {"user": {}}}, 400),
        ({"data": b"nonsense"}, 400),
    ],
)
def test_what_mx_refuses(options: dict[str, Any], status: int) -> None:
    """Wrong keys, a version that it does not speak, a user that is nobody."""

    async def story() -> None:
        async with visiting() as visitor:
            asked = {} if "data" in options else {"json": {"user": {"id": "x"}}}
            answer = await ask(visitor, "POST", "users", **{**asked, **options})
            assert answer.status == status
            assert answer.json["error"]["message"]
            asked = {"json": {"widget_url": {"widget_type": "other"}}}
            path = f"users/{await another(visitor)}/widget_urls"
            assert (await ask(visitor, "POST", path, **asked)).status == 400

    asyncio.run(story())


def test_what_goes_wrong_is_told_as_mx_does() -> None:
    """429 and 503 with an error in its form; rows without a guid; rows that move."""

    async def story() -> None:
        async with visiting(transactions=40) as visitor:
            ada = await reader(visitor)
            visitor.bank.queue(Fault(FaultKind.THROTTLED), place=Place.TRANSACTIONS)
            answer = await ada.ask("transactions")
            assert (answer.status, answer.json["error"]["status"]) == (429, 429)
            nameless = await reader(visitor, Scenario.NO_IDS)
            assert {one["guid"] for one in await nameless.rows()} == {None, "", "0", "9998"}
            moving = await reader(visitor, Scenario.MUTATION)
            heard = (await moving.ask()).json["member"]["aggregated_at"]
            await moving.ask("transactions", page=2)
            assert (await moving.ask()).json["member"]["aggregated_at"] != heard

    asyncio.run(story())


def test_institutions() -> None:
    """There is one, found by a part of its name."""

    async def story() -> None:
        async with visiting() as visitor:
            for words, number in (("sand", 1), ("mill", 0), ("", 1)):
                found = await ask(visitor, "GET", "institutions", params={"name": words})
                assert len(found.json["institutions"]) == number

    asyncio.run(story())
