"""Proving which client we are."""

import base64

import pytest

from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth, OAuthPlan
from penstock.domain.secret import Secret
from penstock.oauth.client_auth import client_proof
from penstock.oauth.proving import Proving

PROVING = Proving()


def plan(auth: ClientAuth, client_id: str = "us", secret: str | None = "hush") -> OAuthPlan:
    """Return a plan of which only the client matters."""
    return OAuthPlan(
        issuer="",
        authorize_url="",
        token_url="",
        revoke_url=None,
        client_id=client_id,
        client_secret=None if secret is None else Secret(secret),
        client_auth=auth,
    )


def test_a_public_client_says_who_it_is() -> None:
    """RFC 6749 §3.2.1: the client id goes into the form, a secret that is there does not."""
    assert client_proof(plan(ClientAuth.NONE), PROVING) == ({"client_id": "us"}, {})


def test_the_secret_goes_into_the_form() -> None:
    """RFC 6749 §2.3.1: both in the form, nothing in the headers."""
    form = {"client_id": "us", "client_secret": "hush"}
    assert client_proof(plan(ClientAuth.POST), PROVING) == (form, {})


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("us", "hush", "us:hush"),
        ("a:b", "c:d", "a%3Ab:c%3Ad"),
        ("a b", "c+d/e=", "a+b:c%2Bd%2Fe%3D"),
        ("ä", "%", "%C3%A4:%25"),
    ],
)
def test_basic_is_form_encoded_first(client_id: str, secret: str, pair: str) -> None:
    """RFC 6749 §2.3.1: id and secret are form-encoded before they are joined with a colon."""
    form, headers = client_proof(plan(ClientAuth.BASIC, client_id, secret), PROVING)
    assert form == {}
    kind, value = headers["authorization"].split()
    assert kind == "Basic"
    assert base64.b64decode(value).decode() == pair


@pytest.mark.parametrize("auth", [ClientAuth.BASIC, ClientAuth.POST])
@pytest.mark.parametrize("secret", [None, ""])
def test_a_secret_that_is_missing_is_named(auth: ClientAuth, secret: str | None) -> None:
    """Nobody is asked with an empty secret: the error says what to set."""
    with pytest.raises(OAuthError, match="none is set"):
        client_proof(plan(auth, secret=secret), PROVING)
