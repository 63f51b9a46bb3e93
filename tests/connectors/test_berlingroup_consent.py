"""NextGenPSD2's consents: made, given at the bank, looked up, and ended."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from penstock.connectors.berlingroup import BerlinGroup
from penstock.connectors.berlingroup_bank import Bank
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Errand, Granted, Return, Sent
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from tests.connectors.berlin_samples import NOON, Told, body, refusal
from tests.connectors.driving import by_hand
from tests.sandbox.visitor import REDIRECT, Watch

URL = "https://xs2a.bank.test/psd2"
BERLIN_GROUP = BerlinGroup(Bank(URL, clock=Watch(NOON)))
OPENED = Credentials(Secret("consent-1"))
ERRAND = Errand(REDIRECT, "s&1", {})
BACK = Return({}, REDIRECT, Secret("consent-1"))
CREATED: dict[str, Any] = {
    "consentStatus": "received",
    "consentId": "consent-1",
    "_links": {"scaRedirect": {"href": "https://bank.test/sca"}},
}


def begin(told: Told) -> Sent:
    """Begin a link."""
    (plan,) = BERLIN_GROUP.link_plans
    sent: Sent = by_hand(plan.begin(ERRAND), told)[1]
    return sent


def finish(*answers: Response | bytes) -> Granted:
    """Finish it."""
    (plan,) = BERLIN_GROUP.link_plans
    granted: Granted = by_hand(plan.finish(BACK), Told(*answers))[1]
    return granted


def status(word: str) -> bytes:
    """Say how a consent stands."""
    return body({"consentStatus": word})


def test_a_consent_is_made_first() -> None:
    """For everything, for half a year, for four readings a day; the person's address is told."""
    told = Told(body(CREATED))
    assert begin(told) == Sent("https://bank.test/sca", Secret("consent-1"))
    (request,) = told.asked
    assert (request.method, request.url) == ("POST", f"{URL}/v1/consents")
    assert request.headers["TPP-Redirect-URI"] == f"{REDIRECT}?state=s%261"
    assert request.headers["PSU-IP-Address"] == "127.0.0.1"
    wanted = msgspec.json.decode(request.body or b"")
    assert wanted == {
        "access": {"allPsd2": "allAccounts"},
        "recurringIndicator": True,
        "validUntil": "2027-05-19",
        "frequencyPerDay": 4,
        "combinedServiceIndicator": False,
    }


def test_an_authorisation_that_has_to_be_started_is_started() -> None:
    """Some banks give the page only for another request."""
    start = {**CREATED, "_links": {"startAuthorisation": {"href": "/v1/consents/c/authorisations"}}}
    told = Told(body(start), body({"_links": {"scaRedirect": {"href": "https://bank.test/sca"}}}))
    assert begin(told).url == "https://bank.test/sca"
    assert told.asked[1].url == f"{URL}/v1/consents/c/authorisations"


@pytest.mark.parametrize(
    "links",
    [{}, {"scaOAuth": {"href": "https://x.test"}}, {"scaRedirect": {"href": "javascript:x"}}],
)
def test_other_ways_to_consent_are_refused_by_name(links: dict[str, Any]) -> None:
    """OAuth, decoupled, embedded, or an address that is none."""
    with pytest.raises(OAuthError, match="another way"):
        begin(Told(body({**CREATED, "_links": links})))


def test_the_bank_may_shorten_the_consent() -> None:
    """It is good until the end of the day that the bank says, in the bank's zone."""
    granted = finish(status("valid"), body({"validUntil": "2026-12-31"}))
    assert granted.credentials == OPENED
    assert granted.consent_expires_at == datetime.fromisoformat("2027-01-01T00:00:00+01:00")
    never = finish(status("valid"), body({"validUntil": "9999-12-31"}))
    assert never.consent_expires_at is None


def test_a_consent_that_is_not_there_yet_is_looked_at_again() -> None:
    """The browser may be faster than the bank; but not for ever."""
    late = [status("received"), status("valid"), body({"validUntil": "2026-12-31"})]
    assert finish(*late).credentials == OPENED
    with pytest.raises(OAuthError, match="has not been given"):
        finish(*[status("received")] * 3)


@pytest.mark.parametrize(
    "word", ["rejected", "partiallyAuthorised", "revokedByPsu", "expired", "terminatedByTpp", "x"]
)
def test_a_consent_that_was_not_given_links_nothing(word: str) -> None:
    """Whatever the reason: the person is asked to begin again."""
    with pytest.raises(OAuthError) as refused:
        finish(status(word))
    assert refused.value.code == "access_denied"


def test_the_end_of_a_consent() -> None:
    """It is deleted; one that is over is well; trouble at the bank is said."""
    (plan,) = BERLIN_GROUP.link_plans
    assert plan.end is not None
    told = Told(Response(204, {}, b""))
    by_hand(plan.end(OPENED), told)
    assert (told.asked[0].method, told.asked[0].url) == ("DELETE", f"{URL}/v1/consents/consent-1")
    by_hand(plan.end(OPENED), Told(Response(403, {}, refusal("CONSENT_UNKNOWN"))))
    with pytest.raises(OAuthUnavailable):
        by_hand(plan.end(OPENED), Told(Response(503, {}, b"")))
