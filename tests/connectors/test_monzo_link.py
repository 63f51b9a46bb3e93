"""How Monzo is linked and left, and what its answers mean."""

import asyncio
from collections.abc import Generator
from dataclasses import replace

import pytest

from penstock.connectors import build
from penstock.connectors.monzo import Monzo
from penstock.connectors.monzo_errors import is_dead
from penstock.domain.clock import utc_now
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, GrantRefused, InvalidInput, OAuthError
from penstock.domain.link_plan import ClientAuth, OAuthPlan, Rotation
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Absence, Stream
from penstock.engine.refresh import as_credentials
from penstock.oauth.token import refresh
from penstock.sandbox.faces.monzo import PREFIX
from tests.connectors.driving import Driver, Ledger, by_hand
from tests.connectors.linking import asked, connector_at, link, over_http
from tests.connectors.monzo_samples import BASE, Hand, refusal
from tests.sandbox.visitor import NOON, visiting

BANK = Monzo(client_id="me", client_secret=Secret("canary"))
OPENED = Credentials(Secret("at-1"), Secret("rt-1"))


def plan_of(bank: Monzo) -> OAuthPlan:
    """Return the one way to link."""
    (plan,) = bank.link_plans
    assert isinstance(plan, OAuthPlan)
    return plan


def test_how_to_link() -> None:
    """A code for tokens with the secret in the form; no PKCE and no scopes are documented."""
    plan = plan_of(BANK)
    assert (plan.pkce, plan.scopes, plan.client_auth) == (False, (), ClientAuth.POST)
    assert plan.rotation is Rotation.STRICT
    assert plan.authorize_url == "https://auth.monzo.com/"
    assert plan.token_url == f"{BASE}/oauth2/token"
    assert plan.revoke_url is None, "there is no address of RFC 7009"


def test_what_it_declares() -> None:
    """A transaction keeps its id; silence ends what is pending; no limit is documented."""
    assert BANK.pending_rule is PendingRule.SAME_ID
    assert (BANK.absence, BANK.sends_removals) == (Absence.PENDING_GONE, True)
    assert BANK.budgets == (), "a 429 comes without a word on how many"
    assert BANK.hooks is None, "its webhooks are not signed"


def test_what_is_missing_is_said() -> None:
    """Without a client of one's own nothing can be linked; the setting `history` is one of two."""
    (missing,) = [one for one in build({}).values() if one.name == "monzo"]
    assert missing.missing_settings == ("monzo_client_id", "monzo_client_secret")
    for word, whole in (("all", True), ("recent", False)):
        bank = build({"monzo_history": Secret(word)})["monzo"]
        assert isinstance(bank, Monzo)
        assert bank.whole_history is whole
    with pytest.raises(InvalidInput, match="PENSTOCK_MONZO_HISTORY"):
        build({"monzo_history": Secret("some")}, utc_now)


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        (Response(200, {}, b"{}"), VerdictKind.OK, ""),
        (refusal(401, "unauthorized.bad_access_token.expired"), VerdictKind.UNAUTHORIZED, "(401)"),
        (
            refusal(401, "unauthorized.bad_access_token.evicted"),
            VerdictKind.UNAUTHORIZED,
            "Another",
        ),
        (Response(401, {}, b""), VerdictKind.UNAUTHORIZED, "(401)"),
        (refusal(403, "forbidden.insufficient_permissions"), VerdictKind.NOT_READY, "Monzo app"),
        (refusal(403, "forbidden.verification_required"), VerdictKind.NOT_READY, "Monzo app"),
        (Response(403, {}, b"<html>"), VerdictKind.CONTRACT, "403"),
        (
            refusal(400, "bad_request.invalid_time_range"),
            VerdictKind.CONTRACT,
            "invalid_time_range",
        ),
        (refusal(400, "canary! " * 9), VerdictKind.CONTRACT, "answered 400."),
        (refusal(404, "not_found"), VerdictKind.CONTRACT, "not_found"),
        (refusal(429, "too_many_requests"), VerdictKind.THROTTLED, "429"),
        (refusal(500, "internal_service"), VerdictKind.TRANSIENT, "500"),
        (Response(504, {}, b""), VerdictKind.TRANSIENT, "504"),
    ],
    ids=range(13),
)
def test_what_answers_mean(response: Response, kind: VerdictKind, words: str) -> None:
    """403 waits for the person's approval in the app, and says so; a code is named, no more."""
    verdict = BANK.classify(response)
    assert verdict.kind is kind
    assert words in verdict.message
    assert "canary" not in verdict.message


def test_no_history_is_owed_to_a_refusal_of_another_kind() -> None:
    """A 403 that no approval mends, such as a firewall's, is a fault and no gap to wait for."""
    monzo = Hand()

    def walled(request: Request) -> Response:
        return Response(403, {}, b"<html>") if "before=" in request.url else monzo(request)

    with pytest.raises(ContractBroken, match="403"):
        by_hand(BANK.pull(Stream("acc", ("acc",)), None), walled)


@pytest.mark.parametrize(
    ("response", "dead"),
    [
        (refusal(401, "unauthorized.bad_refresh_token"), True),
        (refusal(401, "unauthorized.bad_refresh_token.evicted"), True),
        (refusal(401, "unauthorized.bad_client"), False),
        (refusal(429, "too_many_requests"), False),
        (Response(502, {}, b"<html>"), False),
    ],
    ids=range(5),
)
def test_a_dead_refresh_token_asks_for_the_person(response: Response, *, dead: bool) -> None:
    """Monzo does not say `invalid_grant`: only its own word for it ends the consent."""
    assert is_dead(response) is dead
    asking = refresh(plan_of(BANK), Secret("rt-1"))
    next(asking)
    with pytest.raises(OAuthError) as error:
        asking.send(response)
    assert isinstance(error.value, GrantRefused) is dead


def leave(opened: Credentials) -> Generator[Request, Response, None]:
    """Return the step that gives access back."""
    end = plan_of(BANK).end
    assert end is not None
    return end(opened)


def test_leaving_logs_out() -> None:
    """The token goes into the header; afterwards it cannot be refreshed either (docs, Log Out)."""
    asking = leave(OPENED)
    request = next(asking)
    assert (request.method, request.url) == ("POST", f"{BASE}/oauth2/logout")
    assert (request.headers, request.authorized) == ({"Authorization": "Bearer at-1"}, False)
    with pytest.raises(StopIteration):
        asking.send(Response(200, {}, b"{}"))


def test_leaving_with_a_token_that_is_too_old_takes_a_newer_one() -> None:
    """An access token lives for six hours: most are too old when somebody leaves."""
    asking = leave(OPENED)
    next(asking)
    form = asking.send(refusal(401, "unauthorized.bad_access_token.expired")).body or b""
    assert b"refresh_token=rt-1" in form
    fresh = b'{"access_token":"at-2","refresh_token":"rt-2","token_type":"Bearer"}'
    request = asking.send(Response(200, {}, fresh))
    assert request.headers == {"Authorization": "Bearer at-2"}
    with pytest.raises(StopIteration):
        asking.send(Response(200, {}, b""))


def test_leaving_may_be_refused() -> None:
    """Then it is said that the bank did not confirm it."""
    asking = leave(replace(OPENED, refresh=None))
    next(asking)
    with pytest.raises(OAuthError):
        asking.send(refusal(401, "unauthorized.bad_access_token"))


def test_a_whole_life_over_http() -> None:
    """Link, approve, read, refresh once, leave: over loopback, against the face."""

    async def story() -> None:
        async with visiting(transactions=40, page_size=20) as visitor:
            bank = connector_at("monzo", visitor.bank.url)
            assert isinstance(bank, Monzo)
            first = await link(bank, visitor.bank, visitor.http)
            ledger = Ledger()
            await Driver(bank, visitor.http, first).update(ledger)
            assert len(ledger.rows) > 10
            assert first.refresh is not None
            answer = await over_http(visitor.http, refresh(plan_of(bank), first.refresh))
            second = as_credentials(answer, NOON)
            accounts = Request("GET", f"{visitor.bank.url}{PREFIX}/accounts")
            told = await asked(bank.sign(accounts, first), visitor.http)
            assert bank.classify(told).kind is VerdictKind.UNAUTHORIZED, "one living token only"
            end = plan_of(bank).end
            assert end is not None
            await over_http(visitor.http, end(second))
            told = await asked(bank.sign(accounts, second), visitor.http)
            assert bank.classify(told).kind is VerdictKind.UNAUTHORIZED
            assert second.refresh is not None
            with pytest.raises(GrantRefused):
                await over_http(visitor.http, refresh(plan_of(bank), second.refresh))

    asyncio.run(story())
