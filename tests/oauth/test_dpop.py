"""Tokens bound to a key: each request is proved, with the server's nonce (RFC 9449)."""

import base64
import json
from dataclasses import replace
from hashlib import sha256

import pytest

from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.oauth.dpop import bound, new_key, thumbprint
from penstock.oauth.token import exchange, refresh
from tests.oauth.asking import GOOD, PLAN, answering, form_of, play
from tests.oauth.proofs import EC, NOW, OURS, proving, read_proof, read_statement

KEY = new_key(lambda many: b"\x07" * many)
BOUND = {**GOOD, "token_type": "DPoP"}
OPENED = Credentials(Secret("at-1"), key=KEY)
ASKED = Request(
    "GET", "https://bank.example/rows?from=x#y", {"Authorization": "Bearer at-1", "accept": "*/*"}
)


def wanting(nonce: str, status: int = 400) -> Response:
    """Return an answer that asks for a nonce."""
    body = json.dumps({"error": "use_dpop_nonce"}).encode()
    told = {"dpop-nonce": nonce}
    if status == 401:
        return Response(401, {**told, "www-authenticate": 'DPoP error="use_dpop_nonce"'}, b"")
    return Response(status, told, body)


def test_a_key_is_a_number_of_the_curve() -> None:
    """43 characters of base64url, never nought, whatever the randomness says."""
    for drawn in (b"\x00", b"\xff", b"\x07"):
        key = new_key(drawn.__mul__).reveal()
        assert len(key) == 43
        assert any(base64.urlsafe_b64decode(key + "="))
        assert len(thumbprint(Secret(key))) == 43


def test_a_request_is_proved() -> None:
    """§4.2: method and address without query, the token's hash, when, and an id of its own."""
    with_ = proving()
    _, (request,) = play(bound(ASKED, OPENED, with_), Response(200, {}, b""))
    assert request.headers["Authorization"] == "DPoP at-1"
    assert request.headers["accept"] == "*/*"
    header, claims = read_proof(request.headers["DPoP"])
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert header["jwk"].keys() == {"kty", "crv", "x", "y"}
    digest = base64.urlsafe_b64encode(sha256(b"at-1").digest()).decode().rstrip("=")
    assert claims == {
        "jti": claims["jti"],
        "htm": "GET",
        "htu": "https://bank.example/rows",
        "iat": int(NOW.timestamp()),
        "ath": digest,
    }
    _, (again,) = play(bound(ASKED, OPENED, with_), Response(200, {}, b""))
    assert read_proof(again.headers["DPoP"])[1]["jti"] != claims["jti"]


def test_a_token_without_a_key_is_a_bearers() -> None:
    """What is not bound goes out as it was signed, without any proof."""
    free = Credentials(Secret("at-1"))
    _, (request,) = play(bound(ASKED, free, proving()), Response(200, {}, b""))
    assert request == ASKED


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_is_taken_and_remembered(status: int) -> None:
    """§8, §9: asked again once with the nonce; the next request to that server has it at once."""
    with_ = proving()
    good = Response(200, {"dpop-nonce": "n-2"}, b"")
    answer, (first, second) = play(bound(ASKED, OPENED, with_), wanting("n-1", status), good)
    assert answer is good
    assert "nonce" not in read_proof(first.headers["DPoP"])[1]
    assert read_proof(second.headers["DPoP"])[1]["nonce"] == "n-1"
    _, (third,) = play(bound(ASKED, OPENED, with_), Response(200, {}, b""))
    assert read_proof(third.headers["DPoP"])[1]["nonce"] == "n-2"
    elsewhere = Request("GET", "https://other.example/rows", ASKED.headers)
    _, (other,) = play(bound(elsewhere, OPENED, with_), Response(200, {}, b""))
    assert "nonce" not in read_proof(other.headers["DPoP"])[1]


def test_a_server_that_is_never_content_is_asked_twice() -> None:
    """No loop: the second refusal is the answer."""
    answer, asked = play(bound(ASKED, OPENED, proving()), wanting("n-1"), wanting("n-2"))
    assert (answer.status, len(asked)) == (400, 2)


@pytest.mark.parametrize("nonce", ["", "x" * 5000, "a\nb", "ä"])
def test_a_nonce_that_can_be_none_is_not_kept(nonce: str) -> None:
    """A hostile header does not get into our proofs, and is no reason to ask again."""
    with_ = proving()
    _, asked = play(bound(ASKED, OPENED, with_), wanting(nonce))
    assert (len(asked), with_.nonces) == (1, {})


def test_only_a_wish_for_a_nonce_is_asked_again() -> None:
    """A nonce beside another refusal is remembered, and the refusal stands."""
    for said in (
        Response(401, {"dpop-nonce": "n"}, b'{"error": "invalid_token"}'),
        Response(400, {"dpop-nonce": "n"}, b'{"error": "invalid_grant"}'),
        Response(500, {"dpop-nonce": "n"}, b"use_dpop_nonce"),
    ):
        _, asked = play(bound(ASKED, OPENED, proving()), said)
        assert len(asked) == 1


def test_tokens_are_asked_for_with_a_proof() -> None:
    """§5: exchange and refresh carry it, and want a token of that type back."""
    steps = (
        exchange(
            replace(PLAN, dpop=True),
            code=Secret("c"),
            verifier=Secret("v" * 43),
            redirect_uri="x",
            key=KEY,
            proving=proving(),
        ),
        refresh(PLAN, Secret("rt"), key=KEY, proving=proving()),
    )
    for step in steps:
        _, (request,) = play(step, answering(BOUND))
        _, claims = read_proof(request.headers["DPoP"])
        assert (claims["htm"], claims["htu"]) == ("POST", PLAN.token_url)
        assert "ath" not in claims


@pytest.mark.parametrize(("key", "said"), [(KEY, GOOD), (None, BOUND)], ids=["bound", "free"])
def test_a_token_of_another_type_is_refused(key: Secret | None, said: dict[str, object]) -> None:
    """§5: a bearer's token where ours shall be bound is not taken, nor the other way."""
    with pytest.raises(OAuthError, match="not of the type"):
        play(refresh(PLAN, Secret("rt"), key=key, proving=proving()), answering(said))


def test_a_plan_with_keys_needs_one() -> None:
    """Nothing is sent for a token that nobody could use."""
    plan = replace(PLAN, dpop=True)
    asking = exchange(plan, code=Secret("c"), verifier=Secret("v"), redirect_uri="x")
    with pytest.raises(OAuthError, match="bound to a key"):
        next(asking)


def test_who_we_are_is_said_anew_with_the_nonce() -> None:
    """RFC 7523 §3: a signed statement is good once, so the second request has another."""
    plan = replace(PLAN, client_auth=ClientAuth.KEY, client_key=OURS)
    step = refresh(plan, Secret("rt"), key=KEY, proving=proving())
    _, (first, second) = play(step, wanting("n-1"), answering(BOUND))
    ids = {
        read_statement(form_of(one)["client_assertion"], EC)[1]["jti"] for one in (first, second)
    }
    assert len(ids) == 2
    assert read_proof(second.headers["DPoP"])[1]["nonce"] == "n-1"
