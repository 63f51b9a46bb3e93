"""What is asked for is pushed first; the browser carries only a name for it (RFC 9126)."""

from collections.abc import Generator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.dpop import new_key, thumbprint
from penstock.oauth.push import sent_off
from tests.oauth.asking import PLAN, answering, form_of, play
from tests.oauth.proofs import proving

PUSHING = replace(PLAN, pushes=True, push_url="https://bank.example/par")
NAME = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"


def off(plan: OAuthPlan, key: Secret | None = None) -> Generator[Request, Response, str]:
    """Send a person off."""
    return sent_off(
        plan,
        redirect_uri="http://127.0.0.1:1/cb",
        state="st",
        verifier=Secret("v" * 43),
        key=key,
        proving=proving(),
    )


def test_only_the_name_goes_through_the_browser() -> None:
    """FAPI 2.0 §5.3.3.2: client and name in the address, all else in a request of ours."""
    url, (request,) = play(off(PUSHING), answering({"request_uri": NAME, "expires_in": 60}, 201))
    assert (request.method, request.url) == ("POST", PUSHING.push_url)
    assert not request.authorized
    pushed = form_of(request)
    assert pushed["state"] == "st"
    assert pushed["code_challenge_method"] == "S256"
    assert pushed["redirect_uri"] == "http://127.0.0.1:1/cb"
    assert "request_uri" not in pushed
    assert urlsplit(url)._replace(query="").geturl() == PLAN.authorize_url
    assert dict(parse_qsl(urlsplit(url).query)) == {"client_id": "penstock", "request_uri": NAME}


def test_who_does_not_push_asks_nothing() -> None:
    """Where the addresses are known, the whole request stands in the address."""
    with pytest.raises(StopIteration) as end:
        next(off(PLAN))
    assert dict(parse_qsl(urlsplit(end.value.value).query))["state"] == "st"


def test_the_code_is_bound_to_the_key() -> None:
    """RFC 9449 §10: the code is good for the holder of the key alone."""
    key = new_key(lambda many: b"\x07" * many)
    _, (request,) = play(off(PUSHING, key), answering({"request_uri": NAME}, 201))
    assert form_of(request)["dpop_jkt"] == thumbprint(key)


@pytest.mark.parametrize(
    "name", [None, 7, "", "no uri", "https://x/ y", "urn:" + "x" * 600, "javascript:\n", "a:ä"]
)
def test_a_name_that_is_none_is_refused(name: object) -> None:
    """Nobody is sent anywhere with what cannot be a name."""
    with pytest.raises(OAuthError, match="gave it no name"):
        play(off(PUSHING), answering({"request_uri": name}, 201))


def test_a_refusal_says_why_and_sends_nobody() -> None:
    """A server that refuses the request, or is away, is told apart; no grant of ours is dead."""
    with pytest.raises(OAuthError, match="invalid_request"):
        play(off(PUSHING), answering({"error": "invalid_request"}, 400))
    with pytest.raises(OAuthUnavailable):
        play(off(PUSHING), answering({}, 503))
    with pytest.raises(OAuthError, match="as if it were a token"):
        play(off(PUSHING), answering({"error": "invalid_grant"}, 400))
