"""Linking at Enable Banking: a bank is found, a session opened, renewed and closed."""

import json
from typing import Any

import pytest

from penstock.connectors.enablebanking import EnableBanking
from penstock.connectors.enablebanking_app import App, read_key
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, InvalidInput, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Errand, Granted, Return, Sent, VisitPlan
from penstock.domain.remedy import RemedyKind
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from penstock.sandbox.faces.enablebanking_sessions import application_key
from tests.connectors.berlin_samples import NOON, Told, body
from tests.connectors.driving import by_hand
from tests.sandbox.visitor import REDIRECT, Watch

URL = "https://api.enablebanking.test"
APP = App(URL, "app-1", read_key(Secret(application_key())), Watch(NOON))
ENABLE = EnableBanking(APP, country="FI")
BANKS: dict[str, Any] = {
    "aspsps": [
        {"name": "Mill Bank", "country": "FI", "maximum_consent_validity": 7_776_000},
        {"name": "Mill Bank Business", "country": "FI", "maximum_consent_validity": 15_552_000},
        {"name": "Weir", "country": "FI", "maximum_consent_validity": 99_999_999, "beta": True},
    ]
}
BEGUN = {"url": "https://auth.test/ais", "authorization_id": "a"}
OPENED = {
    "session_id": "session-1",
    "accounts": [{"uid": "u"}],
    "access": {"valid_until": "2027-02-18T12:00:00+00:00"},
}


def plan() -> VisitPlan:
    """Return the way to link."""
    (only,) = ENABLE.link_plans
    return only


def begin(told: Told, institution: str | None, renewed: Credentials | None = None) -> Sent:
    """Begin a link."""
    chosen = {"institution": institution} if institution else {}
    sent: Sent = by_hand(plan().begin(Errand(REDIRECT, "s1", chosen, renewed)), told)[1]
    return sent


def finish(told: Told, **query: str) -> Granted:
    """Come back from the bank."""
    granted: Granted = by_hand(plan().finish(Return(query, REDIRECT, Secret("n"))), told)[1]
    return granted


@pytest.mark.parametrize("chosen", ["FI:Mill Bank", "mill bank", "Mill Bank"])
def test_a_visit_is_arranged(chosen: str) -> None:
    """At the bank of exactly this name, for as long as it allows and a little less."""
    told = Told(body(BANKS), body(BEGUN))
    assert begin(told, chosen).url == "https://auth.test/ais"
    assert told.asked[0].url == f"{URL}/aspsps?country=FI&psu_type=personal&service=AIS"
    wanted = json.loads(told.asked[1].body or b"")
    assert wanted == {
        "access": {
            "valid_until": "2027-02-18T11:55:00+00:00",
            "balances": True,
            "transactions": True,
        },
        "aspsp": {"name": "Mill Bank", "country": "FI"},
        "state": "s1",
        "redirect_url": REDIRECT,
        "psu_type": "personal",
    }


def test_no_consent_is_longer_than_the_law_allows() -> None:
    """180 days, whatever a bank says."""
    told = Told(body(BANKS), body(BEGUN))
    begin(told, "weir")
    until = json.loads(told.asked[1].body or b"")["access"]["valid_until"]
    assert until == "2027-05-19T11:55:00+00:00"


def test_a_bank_that_is_not_meant_is_not_chosen() -> None:
    """None of this name, or several: the person is told which there are."""
    with pytest.raises(InvalidInput, match="no bank"):
        begin(Told(body(BANKS)), "Nordea")
    with pytest.raises(InvalidInput, match="3 banks") as several:
        begin(Told(body({"aspsps": BANKS["aspsps"] + [{"name": "Mill", "country": "FI"}]})), "MIL")
    assert "FI:Mill Bank Business" in str(several.value.remedy)


def test_banks_are_found_by_words_and_country() -> None:
    """The list is asked for of one country; without words it is whole."""
    told = Told(body(BANKS))
    found = by_hand(ENABLE.search("bank mill", "se"), told)[1]
    assert [one.external_id for one in found] == ["FI:Mill Bank", "FI:Mill Bank Business"]
    assert "country=SE" in told.asked[0].url
    assert len(by_hand(ENABLE.search("", ""), Told(body(BANKS)))[1]) == 3


def test_a_code_opens_a_session() -> None:
    """Good until the bank's own day."""
    told = Told(body(OPENED))
    granted = finish(told, code="c-1", state="s1")
    assert granted.credentials == Credentials(Secret("session-1"))
    assert str(granted.consent_expires_at) == "2027-02-18 12:00:00+00:00"
    assert json.loads(told.asked[0].body or b"") == {"code": "c-1"}


def test_who_comes_back_without_a_code_links_nothing() -> None:
    """Cancelled at the bank; or nothing was shared."""
    for query in ({"error": "access_denied"}, {}):
        with pytest.raises(OAuthError, match="before it was allowed"):
            finish(Told(), **query)
    with pytest.raises(OAuthError, match="shared no account"):
        finish(Told(body({**OPENED, "accounts": []})), code="c-1")


@pytest.mark.parametrize("answer", [{**OPENED, "session_id": " "}, {"session_id": "x"}, {}])
def test_a_session_that_makes_no_sense_is_refused(answer: dict[str, Any]) -> None:
    """By name, and nothing is linked."""
    with pytest.raises(ContractBroken):
        finish(Told(body(answer)), code="c-1")


def test_a_renewal_knows_its_bank() -> None:
    """The person is not asked for it again, unless the session is gone for good."""
    known = Credentials(Secret("session-0"))
    session = {"status": "EXPIRED", "aspsp": {"name": "Weir", "country": "FI"}, "accounts_data": []}
    told = Told(body(session), body(BANKS), body(BEGUN))
    begin(told, None, known)
    assert told.asked[0].url == f"{URL}/sessions/session-0"
    assert json.loads(told.asked[2].body or b"")["aspsp"]["name"] == "Weir"
    gone = Response(404, {}, body({"error": "SESSION_DOES_NOT_EXIST"}))
    with pytest.raises(InvalidInput, match="which institution"):
        begin(Told(gone), None, known)


def test_the_end_of_a_session() -> None:
    """It is closed; one that is over is well; trouble is said, and what is ours to mend."""
    end = plan().end
    assert end is not None
    opened = Credentials(Secret("session-1"))
    told = Told(body({"message": "OK"}))
    by_hand(end(opened), told)
    assert (told.asked[0].method, told.asked[0].url) == ("DELETE", f"{URL}/sessions/session-1")
    by_hand(end(opened), Told(Response(401, {}, body({"error": "CLOSED_SESSION"}))))
    with pytest.raises(OAuthUnavailable):
        by_hand(end(opened), Told(Response(400, {}, body({"error": "ASPSP_ERROR"}))))
    with pytest.raises(OAuthError) as refused:
        by_hand(end(opened), Told(Response(401, {}, body({"error": "UNAUTHORIZED_ACCESS"}))))
    assert refused.value.remedy is not None
    assert refused.value.remedy.kind is RemedyKind.FIX_CODE
