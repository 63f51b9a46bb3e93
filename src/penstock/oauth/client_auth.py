"""Proving to an authorization server which client we are.

RFC 6749 §2.3.1 (a secret), RFC 7523 §2.2 (a signed statement), RFC 8705 §2 (a certificate, which
the connector shows by itself: outbound/certificate.py).
"""

import base64
from typing import Final
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import ECKey, RSAKey

from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth, ClientKey, OAuthPlan
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.oauth.proving import Proving, signed

LIFE: Final = 60
"""For how many seconds a signed statement is good."""
_STATEMENT: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LEAST_RSA: Final = 2048


def client_proof(plan: OAuthPlan, proving: Proving) -> tuple[dict[str, str], dict[str, str]]:
    """Return what goes into the form, and what into the headers, to prove who we are.

    Raises OAuthError where the plan asks for a secret or a key and has none that can be used.
    """
    match plan.client_auth:
        case ClientAuth.NONE | ClientAuth.CERTIFICATE | ClientAuth.OWN_CERTIFICATE:
            return {"client_id": plan.client_id}, {}
        case ClientAuth.BASIC:
            return {}, {"authorization": _basic(plan.client_id, _secret(plan))}
        case ClientAuth.POST:
            secret = _secret(plan).reveal()
            return {"client_id": plan.client_id, "client_secret": secret}, {}
        case ClientAuth.KEY:
            form = {"client_id": plan.client_id, "client_assertion_type": _STATEMENT}
            return {**form, "client_assertion": _statement(plan, proving)}, {}


def _basic(client_id: str, secret: Secret) -> str:
    """Both are form-encoded before they are joined: a colon in the id must not end it."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"


def _secret(plan: OAuthPlan) -> Secret:
    if not plan.client_secret:
        raise OAuthError(
            "This connector proves itself with a client secret, and none is set.",
            remedy=fix_code("Set the client secret that the provider gave you."),
        )
    return plan.client_secret


def _statement(plan: OAuthPlan, proving: Proving) -> str:
    """Say who we are, for one minute and one use, to this issuer and nobody else.

    The audience is the issuer as a plain string (FAPI 2.0 §5.3.3.1): one that was made for
    another server must open nothing here.
    """
    if plan.client_key is None:
        raise _useless("none is set")
    algorithm, key = _key(plan.client_key)
    now = proving.now()
    header = {"typ": "JWT", "alg": algorithm, "kid": plan.client_key.kid}
    claims: dict[str, object] = {
        "iss": plan.client_id,
        "sub": plan.client_id,
        "aud": plan.issuer,
        "jti": proving.new_id(),
        "iat": now,
        "exp": now + LIFE,
    }
    return signed(header, claims, key)


def _key(ours: ClientKey) -> tuple[str, ECKey | RSAKey]:
    """Read a private key; which kind it is says how it signs."""
    try:
        native = load_pem_private_key(ours.pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _useless("it is no key in PEM that is not locked") from None
    if isinstance(native, EllipticCurvePrivateKey) and isinstance(native.curve, SECP256R1):
        return "ES256", ECKey.import_key(native)
    if isinstance(native, RSAPrivateKey) and native.key_size >= _LEAST_RSA:
        return "PS256", RSAKey.import_key(native)
    raise _useless(f"it is neither of the curve P-256 nor RSA of {_LEAST_RSA} bits")


def _useless(why: str) -> OAuthError:
    return OAuthError(
        f"This connector proves itself with a key, and {why}.",
        remedy=fix_code("Set the private key whose public half the provider knows."),
    )
