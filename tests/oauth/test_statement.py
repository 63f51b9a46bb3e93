"""Proving with a key which client we are (RFC 7523), and finding where the proof belongs."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth, ClientKey
from penstock.domain.secret import Secret
from penstock.oauth.client_auth import LIFE, client_proof
from penstock.oauth.discovery import discovered
from tests.oauth.asking import PLAN, answering, play
from tests.oauth.proofs import EC, NOW, RSA, pem_of, proving, read_statement

PUBLISHING = replace(PLAN, authorize_url="", token_url="", revoke_url=None, publishes=True)
TOLD: dict[str, object] = {
    "issuer": PLAN.issuer,
    "authorization_endpoint": "https://bank.example/authorize",
    "token_endpoint": "https://bank.example/token",
    "revocation_endpoint": "https://bank.example/revoke",
    "pushed_authorization_request_endpoint": "https://bank.example/par",
    "mtls_endpoint_aliases": {
        "token_endpoint": "https://mtls.bank.example/token",
        "revocation_endpoint": "https://mtls.bank.example/revoke",
    },
}


@pytest.mark.parametrize(("native", "algorithm"), [(EC, "ES256"), (RSA, "PS256")])
def test_a_statement_is_for_one_server_and_one_minute(native: Any, algorithm: str) -> None:
    """The audience is the issuer as a plain string; the id is never the same twice."""
    ours = ClientKey(Secret(pem_of(native)), "k-1")
    plan, with_ = replace(PLAN, client_auth=ClientAuth.KEY, client_key=ours), proving()
    form, headers = client_proof(plan, with_)
    assert (form["client_id"], headers) == ("penstock", {})
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    header, claims = read_statement(form["client_assertion"], native)
    assert (header["alg"], header["kid"]) == (algorithm, "k-1")
    begun = int(NOW.timestamp())
    assert claims == {
        "iss": "penstock",
        "sub": "penstock",
        "aud": PLAN.issuer,
        "jti": claims["jti"],
        "iat": begun,
        "exp": begun + LIFE,
    }
    again = client_proof(plan, with_)[0]["client_assertion"]
    assert read_statement(again, native)[1]["jti"] != claims["jti"]


USELESS = {
    "none": None,
    "nonsense": "-----BEGIN nothing",
    "another curve": pem_of(ec.generate_private_key(ec.SECP384R1())),
    "a short one": pem_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - that is the point
}


@pytest.mark.parametrize("pem", USELESS.values(), ids=USELESS)
def test_a_key_that_will_not_do_is_named(pem: str | None) -> None:
    """FAPI 2.0 §5.4.1: RSA of 2048 bits or P-256, and nobody is asked with anything else."""
    key = None if pem is None else ClientKey(Secret(pem), "k")
    plan = replace(PLAN, client_auth=ClientAuth.KEY, client_key=key)
    with pytest.raises(OAuthError, match="proves itself with a key") as caught:
        client_proof(plan, proving())
    assert pem is None or pem not in caught.value.message


def test_a_certificate_needs_no_words() -> None:
    """RFC 8705 §2: the client id alone; the certificate speaks for itself."""
    for auth in (ClientAuth.CERTIFICATE, ClientAuth.OWN_CERTIFICATE):
        plan = replace(PLAN, client_auth=auth)
        assert client_proof(plan, proving()) == ({"client_id": "penstock"}, {})


def test_who_shows_a_certificate_goes_to_the_aliases() -> None:
    """RFC 8705 §5: where they are published; a person's browser is sent where all are sent."""
    plan, _ = play(discovered(replace(PUBLISHING, shows_certificate=True)), answering(TOLD))
    assert plan.token_url == "https://mtls.bank.example/token"
    assert plan.revoke_url == "https://mtls.bank.example/revoke"
    assert plan.authorize_url == "https://bank.example/authorize"
    plain, _ = play(discovered(PUBLISHING), answering(TOLD))
    assert plain.token_url == "https://bank.example/token"


def test_what_a_server_demands_is_done() -> None:
    """RFC 9126 §5, RFC 9207 §3: it wants requests pushed and names itself: so it shall be."""
    demands = {
        "require_pushed_authorization_requests": True,
        "authorization_response_iss_parameter_supported": True,
    }
    plan, _ = play(discovered(PUBLISHING), answering({**TOLD, **demands}))
    assert (plan.pushes, plan.push_url) == (True, "https://bank.example/par")
    assert plan.iss_required
    plan, _ = play(discovered(PUBLISHING), answering(TOLD))
    assert (plan.pushes, plan.push_url, plan.iss_required) == (False, "", False)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"pushes": True}, {"pushed_authorization_request_endpoint": None}),
        ({"dpop": True}, {"dpop_signing_alg_values_supported": ["RS256"]}),
        (
            {"client_auth": ClientAuth.KEY},
            {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
        ),
        (
            {"shows_certificate": True},
            {"mtls_endpoint_aliases": {"token_endpoint": "http://bank.example/token"}},
        ),
    ],
)
def test_a_server_that_cannot_is_not_asked(plan: dict[str, Any], told: dict[str, Any]) -> None:
    """What the plan needs and the server says that it lacks ends it before a secret is sent."""
    with pytest.raises(OAuthError):
        play(discovered(replace(PUBLISHING, **plan)), answering({**TOLD, **told}))
