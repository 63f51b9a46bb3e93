"""The control endpoint moves the world, breaks what is to break, and tells the truth."""

import asyncio
from decimal import Decimal

import aiohttp
import pytest

from penstock.sandbox.faults import FaultKind
from tests.sandbox.visitor import Json, visiting


def test_truth_over_http_is_the_worlds() -> None:
    """`/control/truth` says what `world.truth()` says, in plain JSON."""

    async def story() -> None:
        async with visiting() as visitor:
            truth = (await visitor.send("GET", f"{visitor.bank.url}/control/truth")).json
            world = visitor.bank.world.truth()
            assert [each["external_id"] for each in truth["transactions"]] == [
                each.external_id for each in world.transactions
            ]
            assert [Decimal(each["amount"]) for each in truth["balances"]] == [
                each.amount for each in world.balances
            ]
            assert len(truth["accounts"]) == len(world.accounts)

    asyncio.run(story())


def test_each_move_moves_the_world() -> None:
    """Post, hold, settle, amend, remove, revive, rekey, advance and steps, all by HTTP."""

    async def story() -> None:
        async with visiting() as visitor:
            world = visitor.bank.world

            async def moved(name: str, content: Json) -> Json:
                answer = await visitor.control(name, content)
                assert answer.status == 200, answer
                json: Json = answer.json
                return json

            await moved("post", {"account": "checking", "amount": "-1.5", "description": "Tea"})
            held = await moved("hold", {"account": "card", "amount": "-9"})
            posted = await moved("settle", {"id": held["external_id"], "amount": "-10"})
            assert posted["pending_external_id"] == held["external_id"]
            assert world.get(posted["external_id"]).amount == Decimal("-10.00")
            await moved("amend", {"id": posted["external_id"], "description": "Dinner"})
            assert world.get(posted["external_id"]).description == "Dinner"
            await moved("remove", {"id": posted["external_id"]})
            assert world.find(posted["external_id"]) is None
            await moved("revive", {"id": posted["external_id"]})
            renamed = await moved("rekey", {"id": posted["external_id"]})
            assert world.get(renamed["external_id"]).description == "Dinner"
            before = world.today
            assert (await moved("advance", {"days": 2}))["today"] > str(before)
            version = world.version
            assert (await moved("step", {"name": "demo"}))["version"] == version + 5

    asyncio.run(story())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("step", {"name": "nonsense"}),
        ("remove", {"id": "nothing"}),
        ("remove", {}),
        ("post", {"amount": "NaN"}),
        ("post", {"amount": "1", "account": "nowhere"}),
        ("post", {"amount": "1", "acount": "checking"}),
        ("faults", {"kind": "unheard of"}),
        ("consent", {"state": "married"}),
        ("advance", {"days": -1}),
        ("personal-token", {"person": "mallory"}),
    ],
    ids=range(10),
)
def test_nonsense_is_refused_and_changes_nothing(path: str, content: Json) -> None:
    """What cannot be done is answered with 400 and a reason."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.control(path, content)
            assert answer.status == 400
            assert answer.json["error"]["message"]
            assert visitor.bank.world.version == 0

    asyncio.run(story())


def test_queued_faults_strike_the_next_requests_and_no_more() -> None:
    """Next-N faults strike at their place, in order, and then all is well."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.control("faults", {"kind": "throttled", "seconds": 30, "times": 2})
            await visitor.control("faults", {"kind": "server_error", "status": 502})
            await visitor.control("faults", {"kind": "not_ready", "place": "transactions"})
            answers = [await visitor.get("/v1/accounts") for _ in range(4)]
            assert [answer.status for answer in answers] == [429, 429, 502, 200]
            assert answers[0].headers["Retry-After"] == "30"
            assert (await visitor.page()).json["next_cursor"] == ""
            assert (await visitor.page()).json["next_cursor"] != ""

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "code"),
    [("mutation", "mutation_during_pagination"), ("cursor_lost", "cursor_not_associated")],
)
def test_refusals_can_be_queued(kind: str, code: str) -> None:
    """The errors of a delta feed can be had on demand."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.control("faults", {"kind": kind, "place": "transactions"})
            assert (await visitor.get("/v1/accounts")).status == 200
            answer = await visitor.page()
            assert (answer.status, answer.json["error"]["code"]) == (400, code)

    asyncio.run(story())


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.CUT])
def test_broken_connections_are_broken(kind: FaultKind) -> None:
    """A reset gives no answer, a cut one less than it announced.

    Twice, for the tests' client itself asks again where a connection that it kept was reset.
    """

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.control("faults", {"kind": kind, "times": 2})
            with pytest.raises(aiohttp.ClientError):
                await visitor.get("/v1/accounts")
            answers = [await visitor.send("GET", f"{visitor.bank.url}/control/counters")]
            assert answers[0].json[f"fault:{kind}"] >= 1

    asyncio.run(story())


def test_token_endpoint_can_fail_too() -> None:
    """O7: 5xx and 429 at the token endpoint leave the tokens as they were."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.control("faults", {"kind": "server_error", "place": "token"})
            await visitor.control("faults", {"kind": "throttled", "place": "token"})
            old = visitor.tokens["refresh_token"]
            assert (await visitor.get("/v1/accounts")).status == 200
            assert (await visitor.refresh(old)).status == 503
            assert (await visitor.refresh(old)).status == 429
            assert (await visitor.refresh(old)).status == 200

    asyncio.run(story())


def test_access_tokens_can_be_made_old() -> None:
    """`expire-access` makes each client refresh; the consent stands."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.control("expire-access")
            assert (await visitor.get("/v1/accounts")).status == 401
            assert (await visitor.refresh(visitor.tokens["refresh_token"])).status == 200

    asyncio.run(story())


def test_a_personal_token_opens_everything() -> None:
    """A token that a person made by hand reads all that there is, through any face."""

    async def story() -> None:
        async with visiting() as visitor:
            answer = await visitor.control("personal-token", {"person": "ben"})
            for path in ("/v1/accounts", "/v1/balances", "/v1/transactions"):
                assert (await visitor.get(path, answer.json["token"])).status == 200

    asyncio.run(story())


def test_counters_tell_what_was_asked() -> None:
    """Requests, rows, refusals and faults are counted by name."""

    async def story() -> None:
        async with visiting() as visitor:
            await visitor.link()
            await visitor.page()
            await visitor.page("foreign")
            told = (await visitor.send("GET", f"{visitor.bank.url}/control/counters")).json
            assert told["requests:transactions"] == 2
            assert told["requests:token"] == 1
            assert told["rows"] == 5
            assert told["refused:cursor_not_associated"] == 1

    asyncio.run(story())
