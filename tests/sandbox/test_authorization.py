"""A person is only asked for clients that are known, at addresses that are theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.sandbox.authorization import Client, Redirected, allowed, back, question
from tests.sandbox.visitor import request_for

PUBLIC = Client("penstock", redirect_uris=("https://money.example/callback",))
CLIENTS = {PUBLIC.client_id: PUBLIC}

GOOD = [
    "http://127.0.0.1/callback",
    "http://127.0.0.1:1/callback",
    "http://127.0.0.1:65535/v1/callbacks/sandbox",
    "http://[::1]:4000/callback",
    "http://localhost:4000/callback",
    "https://money.example/callback",
]
TRICKS = [
    "",
    "callback",
    "//127.0.0.1/callback",
    "http:127.0.0.1/callback",
    "https://127.0.0.1/callback",
    "HTTP://127.0.0.1/callback",
    "http://LOCALHOST/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1@evil.example/callback",
    "http://evil.example@127.0.0.1/callback",
    "http://user:pass@127.0.0.1/callback",
    "http://127.0.0.1:80@evil.example/callback",
    "http://127.0.0.1:80\\@evil.example/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:-1/callback",
    "http://127.0.0.1:8o/callback",
    "http://127.0.0.1:\uff18\uff10/callback",
    "http://127.1/callback",
    "http://2130706433/callback",
    "http://0x7f.0.0.1/callback",
    "http://①②⑦.0.0.1/callback",
    "http://localhost.evil.example/callback",
    "http://localhost。evil.example/callback",
    "http://127.0.0.1/../callback",
    "http://127.0.0.1/a/./b",
    "http://127.0.0.1/%2e%2e/callback",
    "http://127.0.0.1//evil.example",
    "http://127.0.0.1/callback?next=//evil.example",
    "http://127.0.0.1/callback?",
    "http://127.0.0.1/callback#fragment",
    "http://127.0.0.1/callback#",
    "http://127.0.0.1/callback\r\nSet-Cookie: a=b",
    "http://127.0.0.1/call back",
    "http://127.0.0.1/\ud800",
    "javascript:alert(1)//127.0.0.1",
    "https://money.example/callback/",
    "https://money.example/callback?x=1",
    "https://money.example/Callback",
    "https://money.example:443/callback",
    "https://evil.example/https://money.example/callback",
]


@pytest.mark.parametrize("uri", GOOD)
def test_own_addresses_are_allowed(uri: str) -> None:
    """Loopback on any port and path (RFC 8252 §7.3), others exactly as listed."""
    assert allowed(uri, PUBLIC)


@pytest.mark.parametrize("uri", TRICKS, ids=range(len(TRICKS)))
def test_tricks_are_refused_without_a_redirect(uri: str) -> None:
    """C1: nobody is redirected to an address that is not exactly one of the client's."""
    assert not allowed(uri, PUBLIC)
    with pytest.raises(InvalidInput):
        question(request_for(redirect_uri=uri).items(), CLIENTS, pkce=True)


@given(st.text(max_size=60))
def test_no_address_ends_in_an_accident(text: str) -> None:
    """Whatever the address is, the answer is yes or no."""
    assert allowed(text, PUBLIC) in {True, False}
    assert allowed(f"http://127.0.0.1{text}", PUBLIC) in {True, False}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "accounts payments"}, "invalid_scope"),
        ({"scope": "accounts\ntransactions"}, "invalid_scope"),
    ],
    ids=range(10),
)
def test_unsound_requests_go_back_to_the_client(change: dict[str, str | None], code: str) -> None:
    """C2: no PKCE, plain PKCE, other flows and unknown scopes are refused, at the redirect."""
    with pytest.raises(Redirected) as refused:
        question(request_for(**change).items(), CLIENTS, pkce=True)
    assert (refused.value.code, refused.value.state) == (code, "some-state")


def test_a_parameter_given_twice_is_refused() -> None:
    """RFC 6749 §3.1: parameters do not repeat; two programs might read different ones."""
    pairs = [*request_for().items(), ("redirect_uri", "https://evil.example/")]
    with pytest.raises(InvalidInput):
        question(pairs, CLIENTS, pkce=True)


def test_unknown_clients_are_never_redirected() -> None:
    """Who is not known is told so on the bank's own page."""
    with pytest.raises(InvalidInput):
        question(request_for(client_id="another").items(), CLIENTS, pkce=True)


def test_the_answer_is_added_to_the_address() -> None:
    """What goes back is encoded, and an empty value is left out."""
    assert back("http://127.0.0.1/cb", {"code": "a&b", "state": ""}) == (
        "http://127.0.0.1/cb?code=a%26b"
    )
    assert back("https://money.example/cb?x=1", {"code": "c"}).endswith("/cb?x=1&code=c")
