"""How SnapTrade lets us in: OAuth and Personal keys, over real HTTP on the sandbox's face."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.connectors.snaptrade import SnapTrade
from penstock.connectors.snaptrade_key import Key, key_in, signature, with_signature
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, GrantRefused, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import ClientAuth, OAuthPlan, Rotation, TokenPlan
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.token import refresh, revoke
from penstock.sandbox.faces.snaptrade_oauth import consumer_key
from penstock.sandbox.faults import Fault, FaultKind, Place
from tests.connectors.driving import Driver, Ledger
from tests.connectors.linking import connector_at, link, over_http
from tests.connectors.snaptrade_samples import BASE, BROKERS
from tests.sandbox.visitor import NOON, Visitor, Watch, visiting

REGISTERED = replace(BROKERS, client_id="me", client_secret=Secret("hush"))
OAUTH, KEY = 0, 1


def plan_of(connector: object) -> OAuthPlan:
    """Return the way through the browser."""
    assert isinstance(connector, SnapTrade)
    plan = connector.link_plans[OAUTH]
    assert isinstance(plan, OAuthPlan)
    return plan


def test_oauth_is_the_first_way_where_we_are_registered() -> None:
    """Code, PKCE, secret by HTTP Basic, tokens that rotate; SnapTrade says where."""
    plan = plan_of(REGISTERED)
    assert (plan.pkce, plan.client_auth, plan.scopes) == (True, ClientAuth.BASIC, ("read",))
    assert (plan.rotation, plan.publishes, plan.issuer) == (Rotation.STRICT, True, BASE)
    assert plan.consent_days is None
    hearing = plan_of(replace(REGISTERED, consumer_key=Secret("key")))
    assert hearing.scopes == ("read", "webhook"), "only who can verify webhooks asks for them"
    (key,) = BROKERS.link_plans
    assert isinstance(key, TokenPlan)


def test_it_is_linked_refreshed_and_revoked_over_http() -> None:
    """Loopback redirect, Basic, a rotating refresh token whose old one is dead, revocation."""

    async def story() -> None:
        async with visiting() as visitor:
            bank, http = visitor.bank, visitor.http
            connector = connector_at("snaptrade", bank.url)
            opened = await link(connector, bank, http)
            plan = plan_of(connector)
            assert opened.refresh is not None
            driver, ledger = Driver(connector, http, opened), Ledger()
            await driver.update(ledger)
            assert len(ledger.rows) == len([r for r in bank.world.live() if r.booked_on])
            renewed = await over_http(http, refresh(plan, opened.refresh))
            assert renewed.refresh not in {None, opened.refresh}
            assert renewed.refresh is not None
            driver.credentials = Credentials(renewed.access, renewed.refresh)
            await driver.update(ledger)
            await over_http(http, revoke(plan, driver.credentials))
            answer = await driver.send(Request("GET", f"{bank.url}/snaptrade/accounts"))
            assert connector.classify(answer).kind is VerdictKind.UNAUTHORIZED
            with pytest.raises(GrantRefused):
                await over_http(http, refresh(plan, renewed.refresh))

    asyncio.run(story())


def test_a_wrong_secret_is_not_let_in() -> None:
    """The client proves itself by HTTP Basic, and by nothing else."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("snaptrade", visitor.bank.url)
            wrong = replace(plan_of(connector), client_secret=Secret("wrong"))
            posted = replace(plan_of(connector), client_auth=ClientAuth.POST)
            refusals = {"invalid_client": wrong, "does not take": posted}
            for said, plan in refusals.items():
                with pytest.raises(OAuthError, match=said):
                    await over_http(visitor.http, refresh(plan, Secret("any")))

    asyncio.run(story())


async def keyed(visitor: Visitor) -> tuple[SnapTrade, Driver]:
    """Link with a Personal key."""
    clock = visitor.bank.options.clock
    connector = connector_at("snaptrade", visitor.bank.url, clock=clock)
    assert isinstance(connector, SnapTrade)
    opened = await link(connector, visitor.bank, visitor.http, plan=KEY)
    return connector, Driver(connector, visitor.http, opened)


def test_a_personal_key_reads_the_same() -> None:
    """Signed, with no `userId` and no `userSecret`: the key says whose the accounts are."""

    async def story() -> None:
        async with visiting(clock=Watch()) as visitor:
            _, driver = await keyed(visitor)
            by_token, by_key = Ledger(), Ledger()
            connector = connector_at("snaptrade", visitor.bank.url)
            opened = await link(connector, visitor.bank, visitor.http)
            await Driver(connector, visitor.http, opened).update(by_token)
            await driver.update(by_key)
            assert by_key.rows == by_token.rows
            assert by_key.rows

    asyncio.run(story())


def test_signatures_that_do_not_fit_are_refused() -> None:
    """Another key, another time, another address than was signed: 401."""

    async def story() -> None:
        async with visiting(clock=Watch()) as visitor:
            connector, driver = await keyed(visitor)
            key = key_in(driver.credentials)
            assert key is not None
            here = f"{connector.base_url}/accounts"
            good = with_signature(Request("GET", here), key, connector.base_url, NOON)
            for request, status in (
                (good, 200),
                (replace(good, url=good.url + "&more=1"), 401),
                (replace(good, headers={"Signature": "x"}), 401),
                (
                    with_signature(
                        Request("GET", here),
                        Key(key.client_id, Secret("other")),
                        connector.base_url,
                        NOON,
                    ),
                    401,
                ),
                (
                    with_signature(
                        Request("GET", here), key, connector.base_url, NOON.replace(year=2025)
                    ),
                    401,
                ),
            ):
                answer = await driver.send(replace(request, authorized=False))
                assert answer.status == status, request.headers

    asyncio.run(story())


def test_a_signature_is_that_of_the_documents() -> None:
    """HMAC-SHA256, base64, over JSON with sorted names and no spaces; no body is null."""
    url = f"{BASE}/accounts?limit=1&clientId=me&timestamp=1715123456"
    text = '{"content":null,"path":"/accounts","query":"limit=1&clientId=me&timestamp=1715123456"}'
    made = b64encode(digest(b"key", text.encode(), sha256)).decode()
    assert signature(url, None, Secret("key")) == signature(url, b"{}", Secret("key")) == made
    text = '{"content":{"a":[1],"b":"x"},"path":"/accounts","query":"clientId=me"}'
    made = b64encode(digest(b"key", text.encode(), sha256)).decode()
    body = b'{"b": "x", "a": [1]}'
    assert signature(f"{BASE}/accounts?clientId=me", body, Secret("key")) == made


def test_what_is_signed_is_what_is_sent() -> None:
    """The query is not decoded, sorted or written anew; the consumer key goes nowhere."""
    key = Key("a b", Secret("canary"))
    asked = Request("GET", f"{BASE}/accounts/x/activities?startDate=2026-10-16&offset=0")
    sent = with_signature(asked, key, BASE, NOON)
    query = parse_qs(urlsplit(sent.url).query)
    assert query == {
        "startDate": ["2026-10-16"],
        "offset": ["0"],
        "clientId": ["a b"],
        "timestamp": [str(int(NOON.timestamp()))],
    }
    assert sent.headers["Signature"] == signature(sent.url, None, key.consumer_key)
    assert "canary" not in f"{sent} {sent.url} {sent.headers} {key!r}"


def test_credentials_go_to_snaptrade_only() -> None:
    """Neither a token nor a signature is put on another's address."""
    elsewhere = Request("GET", "https://api.snaptrade.com.elsewhere.example/accounts")
    for opened in (Credentials(Secret("at")), Key("me", Secret("key")).credentials):
        with pytest.raises(ContractBroken, match="leads away"):
            BROKERS.sign(elsewhere, opened)
        assert BROKERS.sign(Request("GET", f"{BASE}/accounts"), opened).headers
    assert key_in(Credentials(Secret("at"))) is None


@pytest.mark.parametrize("pasted", ["", "me", "me:", ":key", "  :  "])
def test_half_a_key_is_refused(pasted: str) -> None:
    """Before anything is asked."""
    plan = BROKERS.link_plans[0]
    assert isinstance(plan, TokenPlan)
    assert plan.claim is not None
    with pytest.raises(OAuthError, match="no Personal key"):
        next(plan.claim(Secret(pasted)))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(401, {}, b"{}"), OAuthError),
        (Response(403, {}, b"{}"), OAuthError),
        (Response(429, {"retry-after": "9"}, b""), OAuthUnavailable),
        (Response(503, {}, b""), OAuthUnavailable),
        (Response(200, {}, b"<html>"), ContractBroken),
        (Response(404, {}, b""), ContractBroken),
    ],
    ids=range(6),
)
def test_a_key_that_is_not_taken_is_not_stored(response: Response, error: type[Exception]) -> None:
    """SnapTrade is asked at once whether it is good."""
    plan = BROKERS.link_plans[0]
    assert isinstance(plan, TokenPlan)
    assert plan.claim is not None
    asking = plan.claim(Secret("me:canary"))
    request = next(asking)
    assert not request.authorized
    with pytest.raises(error) as caught:
        asking.send(response)
    assert "canary" not in f"{caught.value} {request}"


def test_limits_are_told_in_headers_and_words() -> None:
    """Over HTTP: 10 a minute for one account and a Personal key, then 429 in words, then again."""

    async def story() -> None:
        watch = Watch()
        async with visiting(clock=watch) as visitor:
            connector, driver = await keyed(visitor)
            account = (await driver.discover()).accounts[0].external_id
            url = f"{connector.base_url}/accounts/{account}/balances"
            for left in reversed(range(10)):
                answer = await driver.send(Request("GET", url))
                assert answer.headers["x-ratelimit-account-remaining"] == str(left)
            watch.advance(seconds=53)
            answer = await driver.send(Request("GET", url))
            verdict = connector.classify(answer)
            assert (verdict.kind, verdict.wait) == (VerdictKind.THROTTLED, 7)
            assert b"Expected available in 7 seconds" in answer.body
            assert "retry-after" not in answer.headers
            assert int(answer.headers["x-ratelimit-remaining"]) > 200
            watch.advance(seconds=7)
            assert (await driver.send(Request("GET", url))).status == 200

    asyncio.run(story())


def test_words_alone_are_obeyed() -> None:
    """A 429 without any header that says when."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("snaptrade", visitor.bank.url)
            opened = await link(connector, visitor.bank, visitor.http)
            driver = Driver(connector, visitor.http, opened)
            visitor.bank.queue(Fault(FaultKind.THROTTLED), place=Place.ACCOUNTS)
            answer = await driver.send(Request("GET", f"{visitor.bank.url}/snaptrade/accounts"))
            assert connector.classify(answer).wait == 1

    asyncio.run(story())


def test_a_disabled_connection_goes_on_telling() -> None:
    """The broker wants its person: what SnapTrade knows comes, and who must act is said."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("snaptrade", visitor.bank.url)
            opened = await link(connector, visitor.bank, visitor.http)
            visitor.bank.authority.grants[0].state = ConsentState.LOGIN_REQUIRED
            driver, ledger = Driver(connector, visitor.http, opened), Ledger()
            came = await driver.update(ledger)
            said = {
                words for _, found in came for step in found for words in getattr(step, "said", ())
            }
            assert said == {
                "Sandbox Brokerage must be connected again, at https://dashboard.snaptrade.com."
            }
            assert ledger.rows

    asyncio.run(story())


def test_the_faces_keys_belong_together() -> None:
    """Each client id has a key of its own."""
    assert consumer_key("a") != consumer_key("b")
