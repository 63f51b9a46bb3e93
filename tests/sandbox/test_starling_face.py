"""The world as Starling tells it: its shapes, its OAuth, and its changes since an instant."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.sandbox.bank import STARLING_SECRET
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import REDIRECT, Answer, Visitor, Watch, callback_of, visiting

EVER = "2014-01-01T00:00:00.000Z"
CLIENT = "penstock-starling"


@dataclass
class Reader:
    """Somebody with a personal token, who knows where the main account is."""

    visitor: Visitor
    token: str
    account: str = ""
    category: str = ""

    async def get(self, path: str, **query: str) -> Answer:
        return await self.visitor.get(f"/starling/api/v2/{path}", self.token, **query)

    async def feed(self, since: str = EVER, category: str = "") -> list[dict[str, Any]]:
        path = f"feed/account/{self.account}/category/{category or self.category}"
        items: list[dict[str, Any]] = (await self.get(path, changesSince=since)).json["feedItems"]
        return items


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Make a token by hand and look up the main account."""
    answer = await visitor.control("personal-token", {"person": "ada", "scenario": scenario})
    made = Reader(visitor, answer.json["token"])
    (account,) = (await made.get("accounts")).json["accounts"]
    made.account, made.category = account["accountUid"], account["defaultCategory"]
    return made


def test_accounts_spaces_and_balances() -> None:
    """One main account; savings are a space of it; cards are not Starling's business."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            numbers = (await ada.get(f"accounts/{ada.account}/identifiers")).json
            assert numbers["accountIdentifier"].endswith("4100")
            spaces = (await ada.get(f"account/{ada.account}/spaces")).json
            goals = (await ada.get(f"account/{ada.account}/savings-goals")).json
            assert spaces["savingsGoals"] == goals["savingsGoalList"]
            assert [goal["name"] for goal in spaces["savingsGoals"]] == ["Rainy days"]
            balance = (await ada.get(f"accounts/{ada.account}/balance")).json
            cleared, effective = (
                balance[name]["minorUnits"] for name in ("clearedBalance", "effectiveBalance")
            )
            assert effective == cleared + balance["pendingTransactions"]["minorUnits"]

    asyncio.run(story())


def test_amounts_are_unsigned_and_directed() -> None:
    """sync.md 15: minor units without a sign, and a direction."""

    async def story() -> None:
        async with visiting(transactions=60) as visitor:
            ada = await reader(visitor)
            items = await ada.feed()
            assert {item["direction"] for item in items} == {"IN", "OUT"}
            assert all(item["amount"]["minorUnits"] >= 0 for item in items)
            assert {"SETTLED", "PENDING"} >= {item["status"] for item in items}
            assert all(("settlementTime" in i) == (i["status"] == "SETTLED") for i in items)

    asyncio.run(story())


def test_an_item_keeps_its_id_when_it_settles() -> None:
    """PENDING becomes SETTLED in place; taken back it is REVERSED, and may come back."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            held = world.hold("checking", -world.history.row(0).amount, "Ferry")
            (pending,) = [item for item in await ada.feed() if item["reference"] == "Ferry"]
            posted = world.settle(held.external_id)
            (settled,) = [item for item in await ada.feed() if item["reference"] == "Ferry"]
            assert (pending["status"], settled["status"]) == ("PENDING", "SETTLED")
            assert pending["feedItemUid"] == settled["feedItemUid"]
            assert pending["updatedAt"] < settled["updatedAt"]
            world.remove(posted.external_id)
            (gone,) = await ada.feed(settled["updatedAt"].replace("Z", "1Z"))
            assert (gone["status"], gone["feedItemUid"]) == ("REVERSED", settled["feedItemUid"])
            world.revive(posted.external_id)
            (back,) = [item for item in await ada.feed() if item["reference"] == "Ferry"]
            assert back["status"] == "SETTLED"

    asyncio.run(story())


def test_changes_since_leaves_out_what_is_older() -> None:
    """Only what was created or updated at or after the instant is sent, to the row."""

    async def story() -> None:
        async with visiting(transactions=400) as visitor:
            ada = await reader(visitor)
            everything = await ada.feed()
            instants = sorted({item["updatedAt"] for item in everything})
            for since in (*instants[:: len(instants) // 9], "2999-01-01T00:00:00Z"):
                newer = [item for item in everything if item["updatedAt"] >= since]
                assert await ada.feed(since) == newer

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("accounts/unknown/balance", 404),
        ("account/unknown/spaces", 404),
        ("feed/account/{account}/category/unknown?changesSince=2014-01-01T00:00:00Z", 404),
        ("feed/account/{account}/category/{category}?changesSince=soon", 400),
        ("feed/account/{account}/category/{category}", 400),
    ],
    ids=range(5),
)
def test_wrong_requests_are_refused_in_starlings_words(path: str, status: int) -> None:
    """Errors are a list of messages and `success: false`."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            where, _, since = path.format(**vars(ada)).partition("?changesSince=")
            answer = await ada.get(where, **({"changesSince": since} if since else {}))
            assert answer.status == status
            assert answer.json["success"] is False

    asyncio.run(story())


def test_answers_are_dated_by_the_banks_own_clock() -> None:
    """A balance says not as of when it is: the `Date` of the answer does (RFC 9110)."""

    async def story() -> None:
        async with visiting(clock=Watch()) as visitor:
            ada = await reader(visitor)
            first = await ada.get(f"accounts/{ada.account}/balance")
            visitor.bank.world.advance(3)
            second = await ada.get(f"accounts/{ada.account}/balance")
            assert first.headers["Date"] == "Fri, 20 Nov 2026 00:30:00 GMT"
            assert second.headers["Date"] == "Mon, 23 Nov 2026 00:30:00 GMT"

    asyncio.run(story())


def test_oauth_without_pkce_but_with_a_secret() -> None:
    """Code and refresh as Starling has them: a secret in the form, no PKCE, a rotating refresh."""

    async def story() -> None:
        async with visiting() as visitor:
            oauth = f"{visitor.bank.url}/starling/oauth"
            form = {
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": REDIRECT,
                "state": "s",
                "scope": "account:read balance:read",
                "decision": "allow",
            }
            sent_back = callback_of(await visitor.send("POST", f"{oauth}/authorize", data=form))
            assert sent_back.keys() == {"code", "state"}
            exchange = {
                "grant_type": "authorization_code",
                "code": sent_back["code"],
                "redirect_uri": REDIRECT,
                "client_id": CLIENT,
                "client_secret": STARLING_SECRET,
            }
            url = f"{oauth}/access-token"
            refused = await visitor.send("POST", url, data={**exchange, "client_secret": "x"})
            assert refused.status == 401
            tokens = (await visitor.send("POST", url, data=exchange)).json
            accounts = await visitor.get("/starling/api/v2/accounts", tokens["access_token"])
            assert accounts.status == 200
            again = {
                "grant_type": "refresh_token",
                "refresh_token": tokens["refresh_token"],
                "client_id": CLIENT,
                "client_secret": STARLING_SECRET,
            }
            renewed = (await visitor.send("POST", url, data=again)).json
            assert renewed["refresh_token"] != tokens["refresh_token"]

    asyncio.run(story())


def test_a_code_of_this_face_is_of_no_use_without_its_client() -> None:
    """A public client cannot slip past PKCE through the older face."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.send(
                "POST",
                f"{visitor.bank.url}/starling/oauth/authorize",
                data={
                    "response_type": "code",
                    "client_id": "penstock",
                    "redirect_uri": REDIRECT,
                    "decision": "allow",
                },
            )
            assert answer.status == 400
            assert "Location" not in answer.headers

    asyncio.run(story())


def test_faults_strike_here_too() -> None:
    """429, garbage and ended consents are the bank's, whatever it speaks."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            await visitor.control("faults", {"kind": "throttled", "seconds": 9})
            answer = await ada.get("accounts")
            assert (answer.status, answer.headers["Retry-After"]) == (429, "9")
            await visitor.control("faults", {"kind": "html"})
            assert (await ada.get("accounts")).json is None
            await visitor.control("consent", {"state": "revoked"})
            answer = await ada.get("accounts")
            assert (answer.status, answer.json["error"]) == (403, "consent_revoked")

    asyncio.run(story())


def test_moving_scenarios_move_once_an_update() -> None:
    """An update begins with the main account's feed; each finds one more row settled."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor, Scenario.PENDING)
            versions = []
            for _ in range(3):
                await ada.feed()
                versions.append(visitor.bank.world.version)
            assert versions == [0, 4, 8]

    asyncio.run(story())
