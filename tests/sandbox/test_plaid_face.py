"""The world as Plaid tells it: its shapes, its link tokens, its delta, its errors."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.sandbox.faces.plaid import CLIENT_ID, SECRET
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import REDIRECT, Answer, Visitor, visiting

KEYS = {"PLAID-CLIENT-ID": CLIENT_ID, "PLAID-SECRET": SECRET}
WANTED = {
    "client_name": "Penstock",
    "language": "en",
    "country_codes": ["US"],
    "user": {"client_user_id": "1"},
    "products": ["transactions"],
    "hosted_link": {"completion_redirect_uri": f"{REDIRECT}?state=s"},
}


@dataclass
class Reader:
    """Somebody with an Item."""

    visitor: Visitor
    token: str = ""

    async def post(self, endpoint: str, **content: Any) -> Answer:
        asked = {"access_token": self.token, **content} if self.token else content
        return await post(self.visitor, endpoint, asked)

    async def sync(self, **content: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.post("transactions/sync", **content)).json
        return found


async def post(
    visitor: Visitor, endpoint: str, asked: Any, keys: Mapping[str, str] | None = None
) -> Answer:
    """Send a request with our keys."""
    url = f"{visitor.bank.url}/plaid/{endpoint}"
    return await visitor.send("POST", url, json=asked, headers=KEYS if keys is None else keys)


async def visit(visitor: Visitor, *, scenario: str = "calm", **changes: Any) -> dict[str, Any]:
    """Arrange a visit and consent; return what its link token tells then."""
    created = (await post(visitor, "link/token/create", {**WANTED, **changes})).json
    form = {"decision": "allow", "scenario": scenario}
    decided = await visitor.send("POST", created["hosted_link_url"], data=form)
    assert (decided.status, decided.headers["Location"]) == (303, f"{REDIRECT}?state=s")
    told = await post(visitor, "link/token/get", {"link_token": created["link_token"]})
    found: dict[str, Any] = told.json
    return found


async def reader(visitor: Visitor, scenario: Scenario = Scenario.CALM) -> Reader:
    """Link an Item."""
    (session,) = (await visit(visitor, scenario=scenario))["link_sessions"]
    (added,) = session["results"]["item_add_results"]
    exchange = {"public_token": added["public_token"]}
    made = (await post(visitor, "item/public_token/exchange", exchange)).json
    again = await post(visitor, "item/public_token/exchange", exchange)
    assert again.json["error_code"] == "INVALID_PUBLIC_TOKEN", "it is good for one exchange"
    return Reader(visitor, made["access_token"])


def test_accounts_and_balances() -> None:
    """Every account is there; what is owed on the card is positive, and within its limit."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            told = (await ada.post("accounts/get")).json
            checking, savings, card = told["accounts"]
            assert [each["subtype"] for each in told["accounts"]] == [
                "checking",
                "savings",
                "credit card",
            ]
            assert checking["balances"]["iso_currency_code"] == "EUR"
            assert savings["persistent_account_id"]
            owed = card["balances"]
            assert 0 < owed["current"] < owed["limit"]
            assert told["item"]["institution_name"] == "Sandbox Bank"
            asked = {"institution_id": "ins_sandbox", "country_codes": ["US"]}
            found = await post(visitor, "institutions/get_by_id", asked)
            assert found.json["institution"]["name"] == "Sandbox Bank"
            for query, number in (("sand", 1), ("mill", 0)):
                found = await post(visitor, "institutions/search", {"query": query})
                assert len(found.json["institutions"]) == number
            listed = await post(visitor, "institutions/get", {"count": 9, "offset": 0})
            assert listed.json["total"] == 1

    asyncio.run(story())


def test_a_currency_without_a_code_is_unofficial() -> None:
    """Exactly one of the two codes is there."""

    async def story() -> None:
        async with visiting(transactions=60) as visitor:
            ada = await reader(visitor, Scenario.MANY_CURRENCIES)
            for each in (await ada.sync(count=500))["added"]:
                codes = each["iso_currency_code"], each["unofficial_currency_code"]
                assert codes.count(None) == 1
                assert (codes[1] == "BTC") == ("bitcoin" in each["account_id"])

    asyncio.run(story())


def test_pages_and_deltas() -> None:
    """`count` rows a page; then what was added, modified and removed since the cursor."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            first = await ada.sync(count=10)
            second = await ada.sync(count=10, cursor=first["next_cursor"])
            assert [len(page["added"]) for page in (first, second)] == [10, 5]
            assert (first["has_more"], second["has_more"]) == (True, False)
            held = world.hold("checking", -world.history.row(0).amount, "Ferry")
            cursor = (await ada.sync(cursor=second["next_cursor"]))["next_cursor"]
            posted = world.settle(held.external_id)
            world.amend("tx-ada-00000002", description="Other words")
            delta = await ada.sync(cursor=cursor)
            (added,), (modified,) = delta["added"], delta["modified"]
            assert added["transaction_id"] == posted.external_id
            assert added["pending_transaction_id"] == held.external_id
            assert (added["pending"], added["amount"]) == (False, float(-posted.amount))
            assert modified["name"] == "Other words"
            gone = {"transaction_id": held.external_id, "account_id": held.account}
            assert delta["removed"] == [gone]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("endpoint", "asked", "code"),
    [
        ("link/token/create", {**WANTED, "user": None}, "INVALID_FIELD"),
        ("link/token/create", {**WANTED, "products": []}, "INVALID_FIELD"),
        ("link/token/create", {**WANTED, "access_token": "x"}, "INVALID_ACCESS_TOKEN"),
        ("link/token/get", {"link_token": "x"}, "INVALID_LINK_TOKEN"),
        ("item/public_token/exchange", {}, "INVALID_PUBLIC_TOKEN"),
        ("institutions/get_by_id", {"institution_id": "x"}, "INVALID_FIELD"),
        ("institutions/search", {"query": ""}, "INVALID_FIELD"),
        ("accounts/get", {"access_token": "x"}, "INVALID_ACCESS_TOKEN"),
        ("transactions/sync", {"cursor": "x"}, "INVALID_FIELD"),
        ("transactions/sync", {"count": 501}, "INVALID_FIELD"),
        ("transactions/sync", {"count": "many"}, "INVALID_FIELD"),
    ],
    ids=range(11),
)
def test_wrong_requests_are_refused_in_plaids_words(
    endpoint: str, asked: dict[str, Any], code: str
) -> None:
    """Errors are 400, with a type and a code."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            token = {} if endpoint.startswith("link") else {"access_token": ada.token}
            answer = await post(visitor, endpoint, {**token, **asked})
            assert (answer.status, answer.json["error_code"]) == (400, code)

    asyncio.run(story())


def test_nobody_reads_without_our_keys() -> None:
    """In headers or in the body; both are wrong without the other."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            asked = {"access_token": ada.token}
            for keys in ({}, {**KEYS, "PLAID-SECRET": "x"}):
                for endpoint in ("accounts/get", "link/token/create"):
                    answer = await post(visitor, endpoint, asked, keys)
                    assert answer.json["error_code"] == "INVALID_API_KEYS"
            inside = {**asked, "client_id": CLIENT_ID, "secret": SECRET}
            assert (await post(visitor, "accounts/get", inside, {})).status == 200

    asyncio.run(story())


def test_update_mode_lets_the_same_item_be_read_again() -> None:
    """A consent that has ended shows at the Item; after the visit the same token is good."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            await visitor.control("consent", {"state": "expired"})
            refused = await ada.post("accounts/get")
            assert refused.json["error_code_reason"] == "OAUTH_CONSENT_EXPIRED"
            item = (await ada.post("item/get")).json["item"]
            assert item["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
            told = await visit(visitor, access_token=ada.token, products=None)
            (session,) = told["link_sessions"]
            assert session["events"][0]["event_name"] == "HANDOFF"
            assert session["results"]["item_add_results"] == []
            assert (await ada.post("item/get")).json["item"]["error"] is None
            assert (await ada.post("accounts/get")).status == 200
            assert len(visitor.bank.authority.grants) == 1

    asyncio.run(story())


def test_a_removed_item_is_gone() -> None:
    """/item/remove ends it, and nothing is told with its token any more."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            assert (await ada.post("item/remove")).status == 200
            assert (await ada.post("item/get")).json["error_code"] == "INVALID_ACCESS_TOKEN"

    asyncio.run(story())


def test_faults_strike_here_too() -> None:
    """429, mutation, a lost cursor, and data that are not there yet, in Plaid's words."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            for kind, status, code in (
                ("throttled", 429, "TRANSACTIONS_SYNC_LIMIT"),
                ("server_error", 503, "INTERNAL_SERVER_ERROR"),
                ("mutation", 400, "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"),
                ("cursor_lost", 400, "INVALID_FIELD"),
            ):
                await visitor.control("faults", {"kind": kind})
                answer = await ada.post("transactions/sync")
                assert (answer.status, answer.json["error_code"]) == (status, code)
            await visitor.control("faults", {"kind": "not_ready"})
            unready = await ada.sync()
            assert (unready["next_cursor"], unready["added"]) == ("", [])
            assert unready["transactions_update_status"] == "NOT_READY"
            await visitor.control("faults", {"kind": "missing", "place": "transactions"})
            assert "amount" not in (await ada.sync())["added"][0]

    asyncio.run(story())


def test_rows_without_ids() -> None:
    """The scenario `no_ids` takes the names from rows, and names nothing that is gone."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor, Scenario.NO_IDS)
            rows = (await ada.sync())["added"]
            assert {row["transaction_id"] for row in rows} == {None, "", "0", "9998"}

    asyncio.run(story())
