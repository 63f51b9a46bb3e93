"""Tokens: got and renewed."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import GrantRefused, OAuthError, OAuthUnavailable
from penstock.domain.link_plan import ClientAuth
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.oauth.token import LONGEST_LIFE, TokenAnswer, exchange, refresh
from tests.oauth.asking import GOOD, PLAN, answering, form_of, play, refreshed


def test_a_code_is_exchanged() -> None:
    """O2: the code goes out once, with its verifier and the same way back, and gives tokens."""
    asking = exchange(
        PLAN, code=Secret("c+1 &"), verifier=Secret("v" * 43), redirect_uri="http://127.0.0.1/cb"
    )
    answer, (request,) = play(asking, answering(GOOD))
    assert (request.method, request.url) == ("POST", "https://bank.example/token")
    assert request.headers == {
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    assert not request.authorized
    assert form_of(request) == {
        "grant_type": "authorization_code",
        "code": "c+1 &",
        "redirect_uri": "http://127.0.0.1/cb",
        "code_verifier": "v" * 43,
        "client_id": "penstock",
    }
    assert answer == TokenAnswer(Secret("at-1"), Secret("rt-2"), 600, "transactions accounts")


def test_without_pkce_no_verifier_goes_out() -> None:
    """A bank that does not know PKCE is not sent what belongs to it."""
    plan = replace(PLAN, pkce=False, client_auth=ClientAuth.BASIC, client_secret=Secret("hush"))
    asking = exchange(plan, code=Secret("c"), verifier=Secret("v"), redirect_uri="x")
    _, (request,) = play(asking, answering(GOOD))
    assert form_of(request).keys() == {"grant_type", "code", "redirect_uri"}
    assert request.headers["authorization"].startswith("Basic ")


def test_a_refresh_token_is_used() -> None:
    """RFC 6749 §6: the old token goes out; what the answer leaves out is left to the caller."""
    answer, (request,) = play(
        refresh(PLAN, Secret("rt-1")), answering({"access_token": "a", "token_type": "bearer"})
    )
    assert form_of(request) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt-1",
        "client_id": "penstock",
    }
    assert answer == TokenAnswer(Secret("a"), None, None, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_type": "BEARER"}, {}),
        ({"refresh_token": None}, {"refresh": None}),
        ({"refresh_token": ""}, {"refresh": None}),
        ({"expires_in": None}, {"expires_in": None}),
        ({"expires_in": "3600"}, {"expires_in": 3600}),
        ({"expires_in": 3600.0}, {"expires_in": 3600}),
        ({"expires_in": 2**31 - 1}, {"expires_in": LONGEST_LIFE}),
        ({"expires_in": 10**17}, {"expires_in": LONGEST_LIFE}),
        ({"scope": None}, {"scope": None}),
        ({"scope": ""}, {"scope": None}),
        ({"error": None, "something_else": {"nested": [1, 2]}}, {}),
    ],
    ids=str,
)
def test_what_banks_write_differently_is_understood(
    changes: dict[str, object], expected: dict[str, Any]
) -> None:
    """Banks differ in small things; none of these makes a token unsafe."""
    usual = TokenAnswer(Secret("at-1"), Secret("rt-2"), 600, "transactions accounts")
    assert refreshed(answering({**GOOD, **changes})) == replace(usual, **expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": ["at"]},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": "ä"},
        {"access_token": "\ud800"},
        {"access_token": "a" * 20_000},
        {"refresh_token": 5},
        {"refresh_token": "a\nb"},
        {"token_type": None},
        {"token_type": ""},
        {"token_type": "mac"},
        {"token_type": "DPoP"},
        {"token_type": ["bearer"]},
        {"expires_in": 0},
        {"expires_in": -1},
        {"expires_in": 1.5},
        {"expires_in": True},
        {"expires_in": "soon"},
        {"expires_in": "-5"},
        {"expires_in": "1e3"},
        {"expires_in": "9" * 30},
        {"expires_in": [600]},
        {"scope": 5},
        {"scope": ["accounts"]},
        {"scope": 'a"b'},
        {"scope": "a\nb"},
        {"error": "canary"},
        {"error": {"code": "invalid_grant"}},
    ],
    ids=str,
)
def test_an_answer_with_a_wrong_field_is_refused(changes: dict[str, object]) -> None:
    """O4: every field is checked before anything can be stored; the tokens stay as they are."""
    with pytest.raises(OAuthError) as caught:
        refreshed(answering({**GOOD, **changes}))
    assert not isinstance(caught.value, GrantRefused)
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.FIX_CODE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"token"',
        b"<html><body>Sign in</body></html>",
        b"access_token=at-1&token_type=bearer",
        b'{"access_token": "at-1", "token_type": "bearer", "expires_in": NaN}',
        b'{"access_token": "at-1", "token_type": "bearer", "other": -Infinity}',
        b'{"access_token": "at-1", "token_type": "bearer", "expires_in": 1e999}',
        b'{"access_token": "at-1", "access_token": "at-2", "token_type": "bearer"}',
        b'{"access_token": "at-1", "token_type": "bearer"',
        b'{"access_token": "at-1", "token_type": "bearer"} more',
        b'{"access_token": "\xff", "token_type": "bearer"}',
        '{"access_token": "at-1", "token_type": "bearer"}'.encode("utf-16"),
        b'{"access_token": "at-1", "token_type": "bearer", "x": %b}' % (b"[" * 60_000),
        b'{"access_token": "at-1", "token_type": "bearer", "expires_in": %b}' % (b"9" * 9_000),
        b'{"access_token": "at-1", "token_type": "bearer", "x": "%b"}' % (b"x" * 70_000),
    ],
    ids=lambda body: body[:60].decode("latin-1") + str(len(body)),
)
def test_a_body_that_is_no_token_answer_is_refused(body: bytes) -> None:
    """O4: HTML, a form, NaN, a name twice, huge, nested without end: none of it is a token."""
    with pytest.raises(OAuthError) as caught:
        refreshed(answering(body))
    assert not isinstance(caught.value, GrantRefused | OAuthUnavailable)


@pytest.mark.parametrize("status", [400, 401, 403, 200])
def test_only_invalid_grant_means_that_the_tokens_are_dead(status: int) -> None:
    """O7: `invalid_grant` asks the person at once."""
    with pytest.raises(GrantRefused) as caught:
        refreshed(answering({"error": "invalid_grant", "error_description": "canary"}, status))
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.ASK_PERSON
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
@pytest.mark.parametrize(
    "content",
    [b"", b"<html>busy</html>", {"message": "slow down"}, GOOD, {"error": "invalid_grant"}],
    ids=["empty", "html", "json", "tokens", "invalid_grant"],
)
def test_a_busy_server_says_nothing_about_the_tokens(status: int, content: object) -> None:
    """O4, O7: 429 and 5xx keep the tokens, whatever their body says, and are tried again."""
    answer = replace(answering(content, status), headers={"retry-after": "7"})
    with pytest.raises(OAuthUnavailable, match=str(status)) as caught:
        refreshed(answer)
    assert caught.value.retry_after == "7"
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.WAIT


@pytest.mark.parametrize("code", ["temporarily_unavailable", "server_error", "slow_down"])
def test_a_server_that_is_busy_in_so_many_words(code: str) -> None:
    """O7: a bank that says so with 400 is busy all the same."""
    with pytest.raises(OAuthUnavailable):
        refreshed(answering({"error": code}, 400))


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, {"error": "invalid_client"}),
        (401, {"error": "invalid_client"}),
        (400, {"error": "unauthorized_client"}),
        (400, {"error": "invalid_request"}),
        (400, {"message": "no"}),
        (400, GOOD),
        (403, b"<html>who are you</html>"),
        (404, b""),
        (301, b""),
        (302, GOOD),
        (307, GOOD),
        (308, b""),
        (304, b""),
        (100, GOOD),
        (204, b""),
    ],
)
def test_every_other_no_keeps_the_tokens(status: int, content: object) -> None:
    """O4, O7: refused, redirected or senseless: an error that neither retries nor forgets."""
    with pytest.raises(OAuthError) as caught:
        refreshed(answering(content, status))
    assert not isinstance(caught.value, GrantRefused | OAuthUnavailable)


def test_a_wrong_client_says_where_to_look() -> None:
    """An operator's mistake is not taken for the person's."""
    with pytest.raises(OAuthError, match="invalid_client") as caught:
        refreshed(answering({"error": "invalid_client"}, 401))
    assert caught.value.remedy is not None
    assert "client id and secret" in caught.value.remedy.text


def test_less_than_was_asked_for_is_refused_when_linking() -> None:
    """O4: a consent that lacks a permission is not stored; the person is told which."""
    asking = exchange(PLAN, code=Secret("c"), verifier=Secret("v" * 43), redirect_uri="x")
    with pytest.raises(OAuthError, match="transactions") as caught:
        play(asking, answering({**GOOD, "scope": "accounts"}))
    assert caught.value.code == "insufficient_scope"
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.ASK_PERSON


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (("accounts",), "accounts more"),
        (("accounts",), None),
        (("openid", "offline_access", "accounts"), "accounts"),
        ((), "whatever"),
    ],
)
def test_as_much_as_was_asked_for_or_more_is_accepted(
    asked: tuple[str, ...], granted: str | None
) -> None:
    """O4: a bank may grant more, may say nothing, and need not repeat what is no access."""
    plan = replace(PLAN, scopes=asked)
    asking = exchange(plan, code=Secret("c"), verifier=Secret("v" * 43), redirect_uri="x")
    answer, _ = play(asking, answering({**GOOD, "scope": granted}))
    assert answer.scope == granted


SECRETS = ("canary-rt", "canary-code", "canary-verifier", "canary-client")
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from(SECRETS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ANSWERS = st.dictionaries(
    st.sampled_from(["access_token", "token_type", "refresh_token", "expires_in", "scope", "error"])
    | st.text(max_size=5),
    VALUES | st.sampled_from(["bearer", "at", "invalid_grant", 600]),
)


@given(
    ANSWERS.map(lambda content: json.dumps(content).encode()) | st.binary(max_size=200),
    st.sampled_from([200, 200, 200, 201, 302, 400, 401, 429, 500]) | st.integers(100, 599),
)
def test_any_answer_is_a_token_or_an_error_without_secrets(body: bytes, status: int) -> None:
    """X4, K3: whatever a server answers or echoes, nothing else is raised and nothing is shown."""
    plan = replace(PLAN, client_auth=ClientAuth.POST, client_secret=Secret("canary-client"))
    steps = [
        refresh(plan, Secret("canary-rt")),
        exchange(
            plan, code=Secret("canary-code"), verifier=Secret("canary-verifier"), redirect_uri="x"
        ),
    ]
    for step in steps:
        try:
            answer, _ = play(step, answering(body, status))
        except OAuthError as error:
            shown = f"{error} {error!r} {error.code} {error.remedy}"
            assert not any(secret in shown for secret in SECRETS)
        else:
            assert 200 <= status < 300
            assert answer.access.reveal().isascii()
            assert answer.expires_in is None or 0 < answer.expires_in <= LONGEST_LIFE
            assert "***" in repr(answer)
