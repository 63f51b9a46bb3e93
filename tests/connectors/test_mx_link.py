"""Linking in MX's Connect widget, renewing there, and giving it back."""

import asyncio
import json
from typing import Any

import pytest

from penstock.connectors.mx_app import Login, login_of
from penstock.connectors.mx_link import ConnectWidget
from penstock.domain.errors import ContractBroken, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Errand, Granted, Return, Sent, VisitPlan
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.sandbox.scenario import Scenario
from tests.connectors.linking import connector_at, link, over_http
from tests.connectors.mx_samples import CONNECTOR, LOGIN, MEMBER, USER, Told, body, login, paged
from tests.sandbox.visitor import REDIRECT, visiting

WIDGET = ConnectWidget(CONNECTOR.app)
PAGE = "https://widgets.mx.test/1"
OPENED = Login(USER, MEMBER).as_credentials()
FRESH, AGAIN = Errand(REDIRECT, "s&1", {}), Errand(REDIRECT, "s1", {}, OPENED)
Answers = dict[str, bytes | int]
MADE: Answers = {"POST /users": body(user={"guid": USER})}
SHOWN: Answers = {f"POST /users/{USER}/widget_urls": body(widget_url={"url": PAGE})}
THERE: Answers = {f"GET /users/{USER}/members/{MEMBER}": login()}
CLEANED: Answers = {f"DELETE /users/{USER}": 204}


def back(member: str | None = None, **query: str) -> Return:
    """Return a person who is back; `member` was to be renewed."""
    note = json.dumps({"user": USER, "member": member})
    return Return({"state": "s1", **query}, REDIRECT, Secret(note))


def test_a_visit_is_arranged() -> None:
    """For a user of its own; MX is to send the person back, with our state."""
    told = Told(MADE | SHOWN)
    sent = told.run(WIDGET.begin(FRESH))
    assert isinstance(sent, Sent)
    assert sent.url == PAGE
    (_, made), (_, shown) = told.asked
    assert made["user"]["id"].startswith("penstock-")
    assert "s&1" not in made["user"]["id"]
    wanted = shown["widget_url"]
    assert (wanted["widget_type"], wanted["mode"]) == ("connect_widget", "aggregation")
    assert wanted["client_redirect_url"] == f"{REDIRECT}?state=s%261"
    assert wanted["oauth_referral_source"] == "APP", "else it sends nobody back"
    assert "current_member_guid" not in wanted


def test_an_institution_may_be_chosen_beforehand() -> None:
    """Then the widget begins at it."""
    told = Told(MADE | SHOWN)
    told.run(WIDGET.begin(Errand(REDIRECT, "s", {"institution": "mill"})))
    assert told.asked[1][1]["widget_url"]["current_institution_code"] == "mill"


def test_a_page_that_sends_nobody_back_is_declared() -> None:
    """Where MX takes the password itself, the person says that they are done: by our state."""
    (plan,) = CONNECTOR.link_plans
    assert not plan.returns


def test_a_renewal_shows_the_login_that_is_there() -> None:
    """No user is made, no other bank can be chosen, and no name changes."""
    told = Told(SHOWN | THERE)
    sent = told.run(WIDGET.begin(AGAIN))
    ((_, shown),) = told.asked
    assert shown["widget_url"]["current_member_guid"] == MEMBER
    assert shown["widget_url"]["disable_institution_search"]
    granted = told.run(WIDGET.finish(Return({"member_guid": "MBR-9"}, REDIRECT, sent.note)))
    assert granted == Granted(OPENED)


def test_a_login_that_mx_deleted_is_linked_afresh() -> None:
    """The renewal makes a user and a login anew."""
    answers: Answers = {
        **MADE,
        f"POST /users/{USER}/widget_urls": 404,
        "POST /users/USR-2/widget_urls": body(widget_url={"url": PAGE}),
    }
    answers["POST /users"] = body(user={"guid": "USR-2"})
    sent = Told(answers).run(WIDGET.begin(AGAIN))
    assert json.loads(sent.note.reveal()) == {"user": "USR-2", "member": None}


def test_the_login_that_came_back_is_looked_for() -> None:
    """A name in a query is anybody's word: it must be a login of the user that was made."""
    told = Told(THERE)
    granted = told.run(WIDGET.finish(back(status="success", member_guid=MEMBER, user_guid=USER)))
    assert login_of(granted.credentials) == Login(USER, MEMBER)
    assert granted.consent_expires_at is None


def test_a_person_who_came_back_without_a_name() -> None:
    """MX does not always send one: the user has one login, or else none came of it."""
    listed: Answers = {f"GET /users/{USER}/members": paged("members", [LOGIN])}
    assert Told(listed | THERE).run(WIDGET.finish(back())) == Granted(OPENED)
    none: Answers = {f"GET /users/{USER}/members": paged("members", [])}
    with pytest.raises(OAuthError, match="before a bank was linked"):
        Told(none | CLEANED).run(WIDGET.finish(back()))


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ({"status": "error", "error_reason": "CANCELLED"}, {}),
        ({"error_reason": "DENIED"}, {}),
        ({"user_guid": "USR-9", "member_guid": MEMBER}, {}),
        ({"member_guid": "../../users/USR-9/members/MBR-9"}, {}),
        ({"member_guid": MEMBER}, {f"GET /users/{USER}/members/{MEMBER}": 404}),
        (
            {"member_guid": MEMBER},
            {f"GET /users/{USER}/members/{MEMBER}": login(connection_status="CHALLENGED")},
        ),
    ],
)
def test_a_link_that_came_to_nothing(query: dict[str, str], answers: dict[str, Any]) -> None:
    """Nothing is linked, the person is told, and the user that was made is deleted at MX."""
    told = Told(answers | CLEANED)
    with pytest.raises(OAuthError) as caught:
        told.run(WIDGET.finish(back(**query)))
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.ASK_PERSON
    assert told.asked[-1][0] == f"DELETE /users/{USER}"


def test_a_renewal_that_came_to_nothing_deletes_nothing() -> None:
    """The login that is there stays."""
    told = Told({f"GET /users/{USER}/members/{MEMBER}": login(connection_status="DENIED")})
    with pytest.raises(OAuthError, match="MX says DENIED"):
        told.run(WIDGET.finish(back(MEMBER)))
    assert len(told.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_at_mx_is_no_refusal(status: int) -> None:
    """The user is kept: the same return can be finished once more."""
    told = Told({f"GET /users/{USER}/members/{MEMBER}": status})
    with pytest.raises(OAuthUnavailable):
        told.run(WIDGET.finish(back(member_guid=MEMBER)))
    assert len(told.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_keys_that_mx_does_not_take(status: int) -> None:
    """Whoever runs the installation is told what to look at."""
    with pytest.raises(OAuthError) as caught:
        Told({"POST /users": status}).run(WIDGET.begin(FRESH))
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.FIX_CODE
    assert "canary" not in f"{caught.value!r}"


@pytest.mark.parametrize(
    "answers",
    [
        {"POST /users": body(user={"guid": "../x"})},
        {"POST /users": body(user={"guid": None})},
        {"POST /users": b"<html>"},
        MADE | {f"POST /users/{USER}/widget_urls": body(widget_url={"url": None})},
        MADE | {f"POST /users/{USER}/widget_urls": body(widget_url={"url": "javascript:1"})},
    ],
)
def test_garbage_sends_nobody_anywhere(answers: Answers) -> None:
    """What is no user or no address is refused by name."""
    with pytest.raises(ContractBroken):
        Told(answers).run(WIDGET.begin(FRESH))


@pytest.mark.parametrize("status", [204, 404])
def test_the_end_leaves_nothing_at_mx(status: int) -> None:
    """Security, O9: login and user are deleted; what is gone already is no error."""
    names = [f"DELETE /users/{USER}/members/{MEMBER}", f"DELETE /users/{USER}"]
    told = Told(dict.fromkeys(names, status))
    told.run(WIDGET.end(OPENED))
    assert [name for name, _ in told.asked] == names
    with pytest.raises(OAuthError):
        Told(dict.fromkeys(names, 403)).run(WIDGET.end(OPENED))


def test_every_step_over_http() -> None:
    """Link, renew, refuse and end, at the face."""

    async def story() -> None:
        async with visiting() as visitor:
            connector = connector_at("mx", visitor.bank.url)
            opened = await link(connector, visitor.bank, visitor.http)
            (plan,) = connector.link_plans
            assert isinstance(plan, VisitPlan)
            for decision in ("allow", "deny"):
                errand = Errand(REDIRECT, "s", {}, opened)
                sent = await over_http(visitor.http, plan.begin(errand))
                decided = await visitor.send("POST", sent.url, data={"decision": decision})
                query = decided.headers["Location"].partition("?")[2]
                told = dict(part.split("=", 1) for part in query.split("&"))
                finishing = plan.finish(Return(told, REDIRECT, sent.note))
                if decision == "allow":
                    assert (await over_http(visitor.http, finishing)).credentials == opened
                else:
                    with pytest.raises(OAuthError, match="ended before"):
                        await over_http(visitor.http, finishing)
            assert len(visitor.bank.authority.grants) == 1
            assert plan.end is not None
            for _ in range(2):
                await over_http(visitor.http, plan.end(opened))
            again = await link(connector, visitor.bank, visitor.http, Scenario.CALM)
            assert again != opened

    asyncio.run(story())
