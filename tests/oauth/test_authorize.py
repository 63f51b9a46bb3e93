"""Sending a person to consent, and reading what they come back with."""

import base64
import hashlib
import secrets
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import GrantRefused, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.oauth.authorize import begin, challenge, new_state, new_verifier, read_callback

PLAN = OAuthPlan(
    issuer="https://bank.example",
    authorize_url="https://bank.example/authorize",
    token_url="https://bank.example/token",
    revoke_url="https://bank.example/revoke",
    client_id="penstock",
    scopes=("accounts", "transactions"),
    iss_required=True,
)
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
BACK = "http://127.0.0.1:8321/oauth/callback/sandbox"
ISS = ("iss", "https://bank.example")


def test_the_challenge_is_the_one_of_the_standard() -> None:
    """O2: the example of RFC 7636, appendix B."""
    assert challenge(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_person_is_sent_with_all_that_the_bank_needs() -> None:
    """O1, O2: code, client, way back, state, scope and an S256 challenge; no secret among them."""
    url = begin(PLAN, redirect_uri=BACK, state="s-1", verifier=VERIFIER)
    assert url.startswith("https://bank.example/authorize?")
    assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True)) == {
        "response_type": "code",
        "client_id": "penstock",
        "redirect_uri": BACK,
        "state": "s-1",
        "scope": "accounts transactions",
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    assert VERIFIER.reveal() not in url


def test_what_the_address_and_the_plan_have_of_their_own_goes_along() -> None:
    """A query that is there already stays, and the plan's parameters are added."""
    plan = replace(
        PLAN,
        authorize_url="https://bank.example/authorize?tenant=a%20b",
        parameters={"prompt": "consent & more"},
        pkce=False,
        scopes=(),
    )
    url = begin(plan, redirect_uri=BACK, state="s", verifier=None)
    assert "tenant=a%20b&" in url
    sent = dict(parse_qsl(urlsplit(url).query))
    assert sent["tenant"] == "a b"
    assert sent["prompt"] == "consent & more"
    assert not {"code_challenge", "scope"} & sent.keys()


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, parameters={"state": "mine"}),
        replace(PLAN, parameters={"redirect_uri": "https://evil.example"}),
        replace(PLAN, parameters={"code_challenge_method": "plain"}),
        replace(PLAN, authorize_url="https://bank.example/#there"),
    ],
    ids=["state", "redirect", "downgrade", "fragment"],
)
def test_a_plan_that_contradicts_itself_is_refused(plan: OAuthPlan) -> None:
    """O2: nothing that goes along may replace what protects the link."""
    with pytest.raises(OAuthError):
        begin(plan, redirect_uri=BACK, state="s", verifier=VERIFIER)


def test_pkce_needs_a_verifier() -> None:
    """O2: a plan with PKCE never goes out without it."""
    with pytest.raises(OAuthError):
        begin(PLAN, redirect_uri=BACK, state="s", verifier=None)


def test_state_and_verifier_are_as_random_as_their_source() -> None:
    """O1, O2: 256 and 384 bits, straight from the source; both fit for a URL."""
    asked: list[int] = []

    def source(count: int) -> bytes:
        asked.append(count)
        return secrets.token_bytes(count)

    state, verifier = new_state(source), new_verifier(source)
    assert asked == [32, 48]
    assert len(base64.urlsafe_b64decode(state + "=")) == 32
    assert 43 <= len(verifier.reveal()) <= 128
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    assert base64.urlsafe_b64decode(challenge(verifier) + "=") == digest


def test_the_code_is_read() -> None:
    """A good answer gives its code; what else the bank sends along does not matter."""
    code = read_callback(PLAN, [("code", "c-1"), ("state", "s"), ISS, ("session_state", "x")])
    assert code == Secret("c-1")


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example",
        "https://bank.example/",
        "https://BANK.example",
        "http://bank.example",
        "",
        "https://bank.example\n",
    ],
)
@pytest.mark.parametrize("required", [True, False], ids=["demanded", "not demanded"])
def test_an_answer_from_another_issuer_is_refused(issuer: str, required: bool) -> None:
    """O3: a code of one server is never taken to another; compared to the letter."""
    plan = replace(PLAN, iss_required=required)
    with pytest.raises(OAuthError, match=r"is not from https://bank\.example"):
        read_callback(plan, [("code", "c"), ("state", "s"), ("iss", issuer)])
    with pytest.raises(OAuthError, match="is not from"):
        read_callback(plan, [("error", "access_denied"), ("state", "s"), ("iss", issuer)])


def test_an_answer_that_does_not_say_from_whom_it_is() -> None:
    """O3: refused where the bank promises to say it, and accepted where it does not."""
    came_back = [("code", "c"), ("state", "s")]
    with pytest.raises(OAuthError, match="who sent it"):
        read_callback(PLAN, came_back)
    assert read_callback(replace(PLAN, iss_required=False), came_back) == Secret("c")


@pytest.mark.parametrize(
    "came_back",
    [
        [],
        [("code", "c"), ISS],
        [("code", "c"), ("state", ""), ISS],
        [("state", "s"), ISS],
        [("state", "s"), ("code", ""), ISS],
        [("state", "s"), ("code", "c\r\nX: y"), ISS],
        [("state", "s"), ("code", "ö"), ISS],
        [("state", "s"), ("code", "c" * 5000), ISS],
        [("state", "s"), ("code", "a"), ("code", "b"), ISS],
        [("state", "s"), ("state", "s"), ("code", "a"), ISS],
        [("state", "s"), ("code", "a"), ISS, ("iss", "https://evil.example")],
        [("state", "s"), ("code", "a"), ISS, ("x", "1"), ("x", "2")],
    ],
    ids=str,
)
def test_an_answer_that_is_none_is_refused(came_back: list[tuple[str, str]]) -> None:
    """O1, O4: without a state, without a code, or with anything twice, nothing goes on."""
    with pytest.raises(OAuthError):
        read_callback(PLAN, came_back)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", OAuthError),
        ("invalid_scope", OAuthError),
        ("temporarily_unavailable", OAuthUnavailable),
        ("server_error", OAuthUnavailable),
        ("", OAuthError),
        ("<script>canary</script>", OAuthError),
        ("canary\r\nX: y", OAuthError),
        ("canary" * 100, OAuthError),
    ],
)
def test_a_no_is_a_no(error: str, kind: type[OAuthError]) -> None:
    """O4: an error ends the link, even where a code stands beside it; its text is not repeated."""
    came_back = [("error", error), ("code", "c"), ("state", "s"), ISS]
    came_back.append(("error_description", "canary: call this number"))
    with pytest.raises(kind) as caught:
        read_callback(PLAN, came_back)
    assert not isinstance(caught.value, GrantRefused)
    assert "canary" not in f"{caught.value} {caught.value.code} {caught.value.remedy}"


def test_a_persons_no_says_what_to_do() -> None:
    """O4: who said no by mistake is told how to go on."""
    with pytest.raises(OAuthError, match="consent was not given") as caught:
        read_callback(PLAN, [("error", "access_denied"), ("state", "s"), ISS])
    assert caught.value.code == "access_denied"
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.ASK_PERSON


NAMES = st.sampled_from(["code", "state", "iss", "error", "error_description", "x"]) | st.text()


@given(st.lists(st.tuples(NAMES, st.text() | st.just("https://bank.example")), max_size=6))
def test_no_query_makes_reading_fail(came_back: list[tuple[str, str]]) -> None:
    """X4: whatever a browser brings, it is a code or an OAuthError."""
    try:
        code = read_callback(PLAN, came_back)
    except OAuthError:
        return
    assert ("code", code.reveal()) in came_back
    assert ISS in came_back
