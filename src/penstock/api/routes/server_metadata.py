"""What a program must know of our authorization server, for it to read (RFC 8414).

There is no `jwks_uri`: access tokens are for this API alone and signed with a key that is shared
with nobody (HS256), so there is no public key that anybody could check them with.
"""

from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.own_address import issuer_of
from penstock.api.refusals import oauth_answer
from penstock.api.routes.token import DEVICE
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.identity.dpop import ALGORITHMS
from penstock.identity.scopes import Scope

_CLIENT_METHODS: Final = ["none", "client_secret_basic", "client_secret_post"]

router = nouns("programs", prefix="")


class ServerMetadata(Outgoing):
    """The names are those of RFC 8414 §2, RFC 9126 §5 and RFC 9207 §3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    device_authorization_endpoint: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    require_pushed_authorization_requests: bool
    service_documentation: str


@router.get(
    "/.well-known/oauth-authorization-server",
    summary="Say what the authorization server can do",
    dependencies=[open_to_all("whoever writes a program reads this first")],
    response_model=ServerMetadata,
)
async def server_metadata(request: Request, running: Running) -> Response:
    """Say where the endpoints are, and what they take."""
    return oauth_answer(metadata_of(issuer_of(request, running), running))


def metadata_of(issuer: str, running: Installation) -> dict[str, Any]:
    """Return the metadata of the server at `issuer`."""
    password = ["password"] if running.settings.password_grant else []
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "scopes_supported": sorted(Scope),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", DEVICE, *password],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "revocation_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "introspection_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": False,
        "service_documentation": f"{issuer}/docs",
    }
