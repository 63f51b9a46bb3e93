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
    None then.
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
    methods = told.get("code_challenge_methods_supported")
    if plan.pkce and isinstance(methods, list) and "S256" not in methods:
        raise nonsense("does not take PKCE with S256")
    return replace(
        plan,
        authorize_url=_address(told, "authorization_endpoint", plan.issuer),
        token_url=_address(told, "token_endpoint", plan.issuer),
        revoke_url=(
            _address(told, "revocation_endpoint", plan.issuer)
            if told.get("revocation_endpoint") is not None
            else None
        ),
        publishes=False,
    )


def metadata_url(issuer: str) -> str:
    """Return where an issuer publishes: the path of its own comes last (§3.1)."""
    parts = urlsplit(issuer)
    return parts._replace(path=WELL_KNOWN + parts.path.rstrip("/"), query="").geturl()


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
