"""The world as Monzo tells it: its way in, its lists, its five minutes and its words."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from penstock.sandbox.faces.monzo import PREFIX
from penstock.sandbox.faces.monzo_feed import uid, written
from penstock.sandbox.faces.monzo_login import CLIENT_ID, SECRET
from penstock.sandbox.faults import Fault, FaultKind
from penstock.sandbox.scenario import Scenario
from tests.sandbox.visitor import REDIRECT, Answer, Visitor, visiting

MAIN = uid("acc", "acc-ada-checking")
FORM = {"client_id": CLIENT_ID, "client_secret": SECRET}


@dataclass
class Reader:
    """Somebody who consented, with the tokens that were given."""

    visitor: Visitor
    tokens: dict[str, Any] = field(default_factory=dict)

    async def link(self, scenario: Scenario = Scenario.CALM, **form: str) -> Answer:
        """Consent as Ada, and exchange the code."""
        asked = {"response_type": "code", "redirect_uri": REDIRECT, "state": "s", **FORM}
        decided = {"decision": "allow", "scenario": scenario, **form}
        page = await self.post("authorize", **asked, **decided)
        assert page.status == 303, page
        code = dict(parse_qsl(urlsplit(page.headers["Location"]).query))["code"]
        return await self.token(
            grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **FORM
        )

    async def token(self, **form: str) -> Answer:
        answer = await self.post("oauth2/token", **form)
        self.tokens = answer.json if answer.status == 200 else self.tokens
        return answer

    async def refresh(self, token: str) -> Answer:
        return await self.token(grant_type="refresh_token", refresh_token=token, **FORM)

    async def post(self, path: str, **form: str) -> Answer:
        return await self.visitor.post(f"{PREFIX}/{path}", **form)

    async def get(self, path: str, **query: str) -> Answer:
        return await self.visitor.get(f"{PREFIX}/{path}", self.tokens["access_token"], **query)

    async def list(self, **query: str) -> list[dict[str, Any]]:
        """Return one page of the main account."""
        answer = await self.get("transactions", account_id=MAIN, **query)
        assert answer.status == 200, answer
        rows: list[dict[str, Any]] = answer.json["transactions"]
        return rows


async def reader(visitor: Visitor) -> Reader:
    """Return somebody who has consented and approved."""
    ada = Reader(visitor)
    assert (await ada.link()).status == 200
    return ada


def code_of(answer: Answer) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return answer.status, answer.json["code"]


def test_accounts_balances_and_pots() -> None:
    """A current account and a pot; what is on hold is off the one balance; no cards."""

    async def story() -> None:
        async with visiting() as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            (account,) = (await ada.get("accounts")).json["accounts"]
            assert (account["id"], account["type"], account["currency"]) == (
                MAIN, "uk_retail", "EUR",
            )  # fmt: skip
            before = (await ada.get("balance", account_id=MAIN)).json
            world.hold("checking", Decimal("-4.20"), "Tea")
            after = (await ada.get("balance", account_id=MAIN)).json
            assert after["balance"] == before["balance"] - 420
            (pot,) = (await ada.get("pots", current_account_id=MAIN)).json["pots"]
            assert after["total_balance"] == after["balance"] + pot["balance"]
            assert (await ada.get("ping/whoami")).json["user_id"] == "user_ada"

    asyncio.run(story())


def test_lists_are_oldest_first_after_an_id_or_from_an_instant() -> None:
    """`since` is either; `before` is not included; a page has as many rows as are asked for."""

    async def story() -> None:
        async with visiting(transactions=60, page_size=100) as visitor:
            ada = await reader(visitor)
            rows = await ada.list(since="2026-07-01T00:00:00Z", limit="100")
            made = [row["created"] for row in rows]
            assert made == sorted(made)
            assert len({row["id"] for row in rows}) == len(rows) > 15
            assert await ada.list(since=rows[4]["id"], limit="5") == rows[5:10]
            window = {"since": made[2], "before": made[6], "limit": "100"}
            assert await ada.list(**window) == rows[2:6]
            assert await ada.list(since=rows[-1]["id"]) == []
            recent = await ada.list()
            assert recent
            assert recent == [row for row in rows if row in recent][:30]

    asyncio.run(story())


def test_a_transaction_keeps_its_id_when_it_settles() -> None:
    """`settled` is empty first; what is taken back is there no more, without a word."""

    async def story() -> None:
        async with visiting(page_size=100) as visitor:
            ada, world = await reader(visitor), visitor.bank.world

            async def ferry() -> list[dict[str, Any]]:
                return [one for one in await ada.list() if one["description"] == "Ferry"]

            held = world.hold("checking", Decimal("-4.20"), "Ferry")
            (before,) = await ferry()
            world.advance(1)
            posted = world.settle(held.external_id, Decimal("-5.00"))
            (after,) = await ferry()
            assert (before["id"], before["created"]) == (after["id"], after["created"])
            assert (before["settled"], before["amount"]) == ("", -420)
            assert (after["settled"][:10], after["amount"]) == (str(world.today), -500)
            world.remove(posted.external_id)
            assert await ferry() == []

    asyncio.run(story())


def test_what_was_declined_is_listed() -> None:
    """It has a reason, and moved no money; expanding names the merchant of the others."""

    async def story() -> None:
        async with visiting(transactions=60, page_size=100) as visitor:
            ada = await reader(visitor)
            rows = await ada.list(since="2026-07-01T00:00:00Z", limit="100")
            (declined,) = [row for row in rows if "decline_reason" in row]
            assert declined["settled"] == ""
            expanded = await ada.list(since="2026-10-01T00:00:00Z", **{"expand[]": "merchant"})
            for plain, named in zip(
                await ada.list(since="2026-10-01T00:00:00Z"), expanded, strict=True
            ):
                assert (plain["merchant"] is None) == (named["merchant"] is None)
                if named["merchant"] is not None:
                    assert named["merchant"]["id"] == plain["merchant"]

    asyncio.run(story())


def test_all_is_told_for_five_minutes_and_then_ninety_days() -> None:
    """On the bank's own clock, from the approval on; and a year at a time at most."""

    async def story() -> None:
        async with visiting(transactions=60, page_size=100) as visitor:
            ada, world = await reader(visitor), visitor.bank.world
            query = {"since": "2026-07-23T00:00:00Z"}
            assert len(await ada.list(**query)) > 10
            too_long = await ada.get("transactions", account_id=MAIN, since="2025-11-01T00:00:00Z")
            assert code_of(too_long) == (400, "bad_request.invalid_time_range")
            before = {"since": "2024-12-01T00:00:00Z", "before": "2025-11-01T00:00:00Z"}
            assert await ada.list(**before) == []
            first = (await ada.list(**query))[0]["id"]
            world.advance(1)
            for since in (query["since"], first):
                late = await ada.get("transactions", account_id=MAIN, since=since)
                assert code_of(late) == (403, "forbidden.verification_required")
            days = world.now.replace(day=1, month=9)
            assert await ada.list(since=written(days))
            await ada.refresh(ada.tokens["refresh_token"])
            late = await ada.get("transactions", account_id=MAIN, **query)
            assert late.status == 403, "a refresh is no approval"
            await ada.link()
            assert len(await ada.list(**query)) > 10

    asyncio.run(story())


def test_nothing_is_told_before_the_approval_in_the_app() -> None:
    """The token is good and opens nothing, until the person presses the button on the phone."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = Reader(visitor)
            assert (await ada.link(approve="later")).status == 200
            assert code_of(await ada.get("accounts")) == (403, "forbidden.insufficient_permissions")
            phone = await visitor.send("GET", f"{visitor.bank.url}{PREFIX}/app")
            assert b"Approve" in phone.body
            assert b"Nothing is asked" in (await ada.post("app", grant="1")).body
            assert (await ada.get("accounts")).status == 200

    asyncio.run(story())


def test_one_living_token_for_each_person() -> None:
    """A refresh ends the token before it, and is good once; a new link ends all others."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            first = dict(ada.tokens)
            assert set(first) == {
                "access_token", "client_id", "expires_in", "refresh_token", "token_type", "user_id",
            }  # fmt: skip
            assert (await ada.refresh(first["refresh_token"])).status == 200
            old = await visitor.get(f"{PREFIX}/accounts", first["access_token"])
            assert code_of(old) == (401, "unauthorized.bad_access_token.expired")
            second = dict(ada.tokens)
            await ada.link()
            for token in (second["refresh_token"], "made-up"):
                refused = await ada.refresh(token)
                assert code_of(refused) == (401, "unauthorized.bad_refresh_token")
                assert "error" not in refused.json
            assert (await ada.get("accounts")).status == 200

    asyncio.run(story())


def test_logging_out_ends_it() -> None:
    """Neither the token nor its refresh is good after that."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = await reader(visitor)
            headers = {"Authorization": f"Bearer {ada.tokens['access_token']}"}
            url = f"{visitor.bank.url}{PREFIX}/oauth2/logout"
            assert (await visitor.send("POST", url, headers=headers)).status == 200
            assert (await visitor.send("POST", url, headers=headers)).status == 401
            assert (await ada.get("accounts")).status == 401
            assert (await ada.refresh(ada.tokens["refresh_token"])).status == 401

    asyncio.run(story())


def test_a_secret_is_wanted() -> None:
    """A code is of no use without the client's secret, or with a wrong one."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = Reader(visitor)
            wrong = await ada.post("oauth2/token", **{**FORM, "client_secret": "no"})
            assert code_of(wrong) == (401, "bad_request.invalid_client")
            wrong = await ada.token(grant_type="authorization_code", code="no", **FORM)
            assert code_of(wrong) == (401, "unauthorized.bad_authorization_code")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("balance", {"account_id": "acc_no"}, 404),
        ("transactions", {}, 404),
        ("transactions", {"account_id": MAIN, "limit": "101"}, 400),
        ("transactions", {"account_id": MAIN, "limit": "x"}, 400),
        ("transactions", {"account_id": MAIN, "since": "tx_no"}, 400),
        ("transactions", {"account_id": MAIN, "since": "2026-11-01"}, 400),
        ("transactions", {"account_id": MAIN, "before": "2026-11-01T00:00:00"}, 400),
        ("pots", {"current_account_id": "acc_no"}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, query: dict[str, str], status: int) -> None:
    """With a code in dots, and a message."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await (await reader(visitor)).get(path, **query)
            assert answer.status == status
            assert answer.json["code"].startswith({404: "not_found", 400: "bad_request"}[status])
            assert answer.json["message"]

    asyncio.run(story())


def test_faults_strike_here_too() -> None:
    """429 and ended consents are the bank's, whatever it speaks."""

    async def story() -> None:
        async with visiting() as visitor:
            ada = Reader(visitor)
            await ada.link(Scenario.CONSENT_REVOKED)
            visitor.bank.queue(Fault(FaultKind.THROTTLED))
            assert code_of(await ada.get("accounts")) == (429, "too_many_requests.rate_limited")
            await ada.list(since="2026-11-01T00:00:00Z")
            ended = await ada.get("transactions", account_id=MAIN, since="2026-11-01T00:00:00Z")
            assert code_of(ended) == (401, "unauthorized.bad_access_token.evicted")
            assert ended.json["error"] == "invalid_token"

    asyncio.run(story())
