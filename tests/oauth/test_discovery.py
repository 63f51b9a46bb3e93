"""An authorization server's addresses, read from what it publishes."""

from dataclasses import replace

import pytest

from penstock.domain.consent import Credentials
from penstock.domain.errors import GrantRefused, OAuthError, OAuthUnavailable
from penstock.domain.secret import Secret
from penstock.oauth.discovery import discovered, metadata_url
from penstock.oauth.token import exchange, refresh, revoke
from tests.oauth.asking import GOOD, PLAN, answering, form_of, play

ISSUER = "https://bank.example"
PUBLISHING = replace(
    PLAN, authorize_url="", token_url="", revoke_url=None, publishes=True, issuer=ISSUER
)
TOLD: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://people.bank.example/authorize",
    "token_endpoint": "https://bank.example/oauth/token/",
    "revocation_endpoint": "https://bank.example/oauth/revoke/",
    "code_challenge_methods_supported": ["S256"],
}


def test_the_addresses_are_the_published_ones() -> None:
    """RFC 8414: asked once, without credentials, at the well-known place."""
    plan, (request,) = play(discovered(PUBLISHING), answering(TOLD))
    assert (request.method, request.authorized) == ("GET", False)
    assert request.url == "https://bank.example/.well-known/oauth-authorization-server"
    assert plan.authorize_url == "https://people.bank.example/authorize"
    assert plan.token_url == "https://bank.example/oauth/token/"
    assert plan.revoke_url == "https://bank.example/oauth/revoke/"
    assert (plan.client_id, plan.scopes) == (PLAN.client_id, PLAN.scopes)


def test_a_plan_with_addresses_asks_nothing() -> None:
    """Where the connector knows them, nobody else is believed."""
    asking = discovered(PLAN)
    with pytest.raises(StopIteration) as end:
        next(asking)
    assert end.value.value is PLAN


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/", "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/x/y", "https://a.example/.well-known/oauth-authorization-server/x/y"),
        ("http://[::1]:8/x", "http://[::1]:8/.well-known/oauth-authorization-server/x"),
    ],
)
def test_the_issuers_own_path_comes_last(issuer: str, url: str) -> None:
    """RFC 8414 §3.1: the well-known part stands between the host and the issuer's path."""
    assert metadata_url(issuer) == url


def test_each_step_asks_where_to_go() -> None:
    """A code, a refresh token and a revocation go to the addresses of the moment."""
    code, token = Secret("c"), Secret("rt-1")
    steps = (
        exchange(PUBLISHING, code=code, verifier=Secret("v" * 43), redirect_uri="x"),
        refresh(PUBLISHING, token),
    )
    for step in steps:
        _, (_, request) = play(step, answering(TOLD), answering(GOOD))
        assert request.url == "https://bank.example/oauth/token/"
    ending = revoke(PUBLISHING, Credentials(Secret("at"), token))
    _, (_, first, second) = play(ending, answering(TOLD), answering({}), answering({}))
    assert {first.url, second.url} == {"https://bank.example/oauth/revoke/"}
    assert [form_of(one)["token"] for one in (first, second)] == ["rt-1", "at"]


def test_a_server_without_revocation_confirms_none() -> None:
    """O9: that a token was given back is not said where there is no way to."""
    told = {name: text for name, text in TOLD.items() if name != "revocation_endpoint"}
    with pytest.raises(OAuthError, match="no way to give a token back"):
        play(revoke(PUBLISHING, Credentials(Secret("at"))), answering(told))


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://bank.example/"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://bank.example/token"},
        {"token_endpoint": "/token"},
        {"token_endpoint": "https://user@bank.example/token"},
        {"token_endpoint": "https://[bank"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"revocation_endpoint": "http://bank.example/revoke"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
    ids=str,
)
def test_what_cannot_be_trusted_is_refused(changed: dict[str, object]) -> None:
    """RFC 8414 §3.3, and a secret goes nowhere without TLS where the issuer has it."""
    with pytest.raises(OAuthError):
        play(discovered(PUBLISHING), answering({**TOLD, **changed}))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_leaves_the_tokens_alone(status: int) -> None:
    """O7: it is tried again; nothing of this says that the grant is dead."""
    with pytest.raises(OAuthUnavailable):
        play(refresh(PUBLISHING, Secret("rt")), answering({}, status))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error":"invalid_grant"}', b""])
def test_nonsense_is_no_word_on_our_tokens(body: bytes) -> None:
    """O7: only the token endpoint may say that they are dead."""
    with pytest.raises(OAuthError) as caught:
        play(refresh(PUBLISHING, Secret("rt")), answering(body))
    assert not isinstance(caught.value, GrantRefused)
