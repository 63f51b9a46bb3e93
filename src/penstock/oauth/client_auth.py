"""Proving to an authorization server which client we are (RFC 6749 §2.3.1)."""

import base64
from urllib.parse import quote_plus

from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import ClientAuth, OAuthPlan
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret


def client_proof(plan: OAuthPlan) -> tuple[dict[str, str], dict[str, str]]:
    """Return what goes into the form, and what into the headers, to prove who we are.

    Raises OAuthError where the plan asks for a secret and has none.
    """
    match plan.client_auth:
        case ClientAuth.NONE:
            return {"client_id": plan.client_id}, {}
        case ClientAuth.BASIC:
            return {}, {"authorization": _basic(plan.client_id, _secret(plan))}
        case ClientAuth.POST:
            secret = _secret(plan).reveal()
            return {"client_id": plan.client_id, "client_secret": secret}, {}


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
