"""Linking through Plaid's Hosted Link, and renewing in update mode."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.plaid_app import App
from penstock.connectors.plaid_link import HostedLink
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Errand, Granted, Return, Sent, VisitPlan
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from tests.connectors.linking import connector_at, link, over_http
from tests.connectors.plaid_samples import ITEM, UPDATED, Told, body, error
from tests.connectors.recording import BODIES
from tests.sandbox.visitor import REDIRECT, visiting

LINK = HostedLink(App("https://plaid.test", "me", Secret("canary")), "Penstock", ("US",))
HOSTED = "https://secure.plaid.test/hl/1"
CREATED = body(link_token="link-1", hosted_link_url=HOSTED, expiration=UPDATED)
OPENED = Credentials(Secret("access-1"))
FRESH = Errand(REDIRECT, "s&1", {})
AGAIN = Errand(REDIRECT, "s1", {}, OPENED)
GONE = error("INVALID_INPUT", "INVALID_ACCESS_TOKEN")


def back(access_token: str | None = None) -> Return:
    """Return a person who is back."""
    note = msgspec.json.encode({"link_token": "link-1", "access_token": access_token})
    return Return({"state": "s1"}, REDIRECT, Secret(note.decode()))


def sessions(*listed: dict[str, Any]) -> bytes:
    """Write an answer of /link/token/get."""
    return body(link_token="link-1", link_sessions=list(listed))


def made(*public_tokens: str) -> dict[str, Any]:
    """Return a session in which Items were made."""
    return {"results": {"item_add_results": [{"public_token": one} for one in public_tokens]}}


HANDOFF = {"events": [{"event_name": "HANDOFF"}], "results": {"item_add_results": []}}
EXIT = {"events": [{"event_name": "EXIT"}], "exit": {"error": None, "metadata": None}}


def test_a_visit_is_arranged() -> None:
    """The person comes back with our state; as much history is asked for as there is."""
    told = Told(CREATED)
    sent = told.run(LINK.begin(FRESH))
    assert isinstance(sent, Sent)
    assert sent.url == HOSTED
    ((endpoint, wanted),) = told.asked
    assert endpoint == "link/token/create"
    assert wanted["hosted_link"]["completion_redirect_uri"] == f"{REDIRECT}?state=s%261"
    assert wanted["hosted_link"]["url_lifetime_seconds"] == 600
    assert wanted["products"] == ["transactions"]
    assert wanted["transactions"] == {"days_requested": 730}
    assert (wanted["client_name"], wanted["country_codes"]) == ("Penstock", ["US"])
    assert "s&1" not in wanted["user"]["client_user_id"]
    assert "access_token" not in wanted


@pytest.mark.parametrize(
    "session",
    [made("public-1"), made("other", "public-1"), {"on_success": {"public_token": "public-1"}}],
)
def test_what_came_of_it_is_exchanged(session: dict[str, Any]) -> None:
    """One exchange, of the last Item that was made; the older `on_success` is read as well."""
    told = Told(sessions(EXIT, session), body(access_token="access-1", item_id="item-1"))
    granted = told.run(LINK.finish(back()))
    assert granted == Granted(OPENED)
    assert told.asked == [
        ("link/token/get", {"link_token": "link-1"}),
        ("item/public_token/exchange", {"public_token": "public-1"}),
    ]


@pytest.mark.parametrize("listed", [[], [EXIT], [{"results": None, "events": None}]])
@pytest.mark.parametrize("access_token", [None, "access-1"])
def test_a_visit_that_came_to_nothing(
    listed: list[dict[str, Any]], access_token: str | None
) -> None:
    """Who left before the end has linked, and renewed, nothing."""
    with pytest.raises(OAuthError) as caught:
        Told(sessions(*listed)).run(LINK.finish(back(access_token)))
    assert caught.value.code == "access_denied"


def test_a_renewal_is_update_mode() -> None:
    """sync.md 26: the link names the Item and asks for no products; its token stays as it is."""
    told = Told(CREATED)
    sent = told.run(LINK.begin(AGAIN))
    assert told.asked[0][1]["access_token"] == "access-1"
    assert not {"products", "transactions"} & told.asked[0][1].keys()
    assert "access-1" not in f"{sent}"
    item = body(item={**ITEM, "consent_expiration_time": UPDATED}, status=None)
    told = Told(sessions(HANDOFF), item)
    granted = told.run(LINK.finish(Return({}, REDIRECT, sent.note)))
    assert granted.credentials == OPENED
    assert granted.consent_expires_at.isoformat() == "2026-11-20T03:30:00+00:00"
    assert told.asked[1] == ("item/get", {"access_token": "access-1"})


def test_an_item_that_is_gone_is_linked_anew() -> None:
    """Update mode needs an Item: where there is none any more, the renewal is a fresh link."""
    told = Told(GONE, CREATED)
    sent = told.run(LINK.begin(AGAIN))
    assert "access_token" in told.asked[0][1]
    assert "access_token" not in told.asked[1][1]
    told = Told(sessions(made("public-2")), body(access_token="access-2"))
    granted = told.run(LINK.finish(Return({}, REDIRECT, sent.note)))
    assert granted.credentials.access.reveal() == "access-2"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("INVALID_API_KEYS", RemedyKind.FIX_CODE), ("INVALID_PRODUCT", RemedyKind.ASK_PERSON)],
)
def test_a_refusal_says_what_to_do(code: str, kind: RemedyKind) -> None:
    """Wrong keys are for whoever runs the installation, all else for the person."""
    with pytest.raises(OAuthError, match=code) as caught:
        Told(error("INVALID_INPUT", code)).run(LINK.begin(FRESH))
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is kind
    assert "canary" not in f"{caught.value}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_plaid_is_busy(status: int) -> None:
    """Nothing was refused: it may be tried again."""
    with pytest.raises(OAuthUnavailable):
        Told(b"{}", status=status).run(LINK.begin(FRESH))


def test_hosted_link_is_not_enabled() -> None:
    """Without the address there is nowhere to send the person."""
    with pytest.raises(ContractBroken, match="hosted_link_url"):
        Told(body(link_token="link-1")).run(LINK.begin(FRESH))


@given(st.sampled_from(BODIES), st.integers(0, 2))
def test_garbage_links_nothing(garbage: bytes, place: int) -> None:
    """Whatever comes where an answer should be: refused by name, and nothing else."""
    good = [CREATED, sessions(made("public-1")), body(access_token="access-1")]
    answers = [*good[:place], garbage, *good[place + 1 :]]
    asking = LINK.finish(back()) if place else LINK.begin(FRESH)
    with pytest.raises((ContractBroken, OAuthError)):
        Told(*answers[1 if place else 0 :]).run(asking)


def test_over_the_face_a_refusal_links_nothing() -> None:
    """The whole way over HTTP: who says no is sent back, and nothing comes of it."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("plaid", visitor.bank.url)
            (plan,) = connector.link_plans
            assert isinstance(plan, VisitPlan)
            sent = await over_http(visitor.http, plan.begin(FRESH))
            decided = await visitor.send("POST", sent.url, data={"decision": "deny"})
            assert decided.headers["Location"] == f"{REDIRECT}?state=s%261"
            finish = plan.finish(Return({}, REDIRECT, sent.note))
            with pytest.raises(OAuthError):
                await over_http(visitor.http, finish)
            assert visitor.bank.authority.grants == []
            await link(connector, visitor.bank, visitor.http)
            assert len(visitor.bank.authority.grants) == 1

    asyncio.run(story())
