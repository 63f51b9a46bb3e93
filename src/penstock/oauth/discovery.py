"""Finding an authorization server's addresses in what it publishes of itself (RFC 8414)."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from penstock.domain.errors import GrantRefused
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.request import Request, Response
from penstock.oauth.answer import nonsense, read_object

WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"


def discovered(plan: OAuthPlan) -> Generator[Request, Response, OAuthPlan]:
    """Return the plan with its addresses; asks nothing where it has them.

    Raises OAuthError: for another issuer than the plan's (§3.3), for one that does not know S256
    where the plan has PKCE, for an address that a secret may not be sent to. None of them means
    that our tokens are dead. A server that publishes no way to revoke has none: `revoke_url` is
    None then. One that says that it names itself in its answers (RFC 9207 §3), or that it must be
    told before what is asked for (RFC 9126 §5), is taken at its word.
    """
    if not plan.publishes:
        return plan
    headers = {"accept": "application/json"}
    response = yield Request("GET", metadata_url(plan.issuer), headers, authorized=False)
    try:
        told = read_object(response)
    except GrantRefused:
        raise nonsense("did not say what it is") from None
    if told.get("issuer") != plan.issuer:
        raise nonsense("says that it is another one")
    _check_knows(told, "code_challenge_methods_supported", "S256", wanted=plan.pkce)
    _check_knows(told, "dpop_signing_alg_values_supported", "ES256", wanted=plan.dpop)
    _check_knows(told, "token_endpoint_auth_methods_supported", plan.client_auth.value)
    pushes = plan.pushes or told.get("require_pushed_authorization_requests") is True
    named = plan.iss_required or told.get("authorization_response_iss_parameter_supported") is True
    ours = _for_certificates(told) if plan.shows_certificate else told
    return replace(
        plan,
        authorize_url=_address(told, "authorization_endpoint", plan.issuer),
        token_url=_address(ours, "token_endpoint", plan.issuer),
        revoke_url=(
            _address(ours, "revocation_endpoint", plan.issuer)
            if ours.get("revocation_endpoint") is not None
            else None
        ),
        pushes=pushes,
        push_url=(
            _address(ours, "pushed_authorization_request_endpoint", plan.issuer) if pushes else ""
        ),
        iss_required=named,
        publishes=False,
    )


def metadata_url(issuer: str) -> str:
    """Return where an issuer publishes: the path of its own comes last (§3.1)."""
    parts = urlsplit(issuer)
    return parts._replace(path=WELL_KNOWN + parts.path.rstrip("/"), query="").geturl()


def _check_knows(told: Mapping[str, object], name: str, ours: str, *, wanted: bool = True) -> None:
    """Refuse a server that lists what it knows, without ours; many list nothing."""
    listed = told.get(name)
    if wanted and isinstance(listed, list) and ours not in listed:
        raise nonsense(f"does not take {ours}")


def _for_certificates(told: Mapping[str, object]) -> Mapping[str, object]:
    """Return the addresses for clients that show a certificate, where they are others (§5)."""
    aliases = told.get("mtls_endpoint_aliases")
    return {**told, **aliases} if isinstance(aliases, dict) else told


def _address(told: Mapping[str, object], name: str, issuer: str) -> str:
    """Return an address; where the issuer's own has TLS, it has too (§2)."""
    url = told.get(name)
    if not isinstance(url, str):
        raise nonsense(f"does not publish its {name}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise nonsense(f"publishes a {name} that is no address") from None
    schemes = {"https", urlsplit(issuer).scheme}
    if parts.scheme not in schemes or not parts.hostname or parts.fragment or parts.username:
        raise nonsense(f"publishes a {name} that is no address")
    return url
