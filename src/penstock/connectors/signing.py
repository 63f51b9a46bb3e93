"""Putting a bearer token on a request, and on no request that leaves the provider (RFC 6750)."""

from dataclasses import replace

from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request


def with_bearer(request: Request, credentials: Credentials, base_url: str) -> Request:
    """Return the request with the token on it.

    Raises ContractBroken for an address that is not below `base_url`: the token stays at home.
    """
    if not request.url.startswith(base_url + "/"):
        raise ContractBroken(f"{request!r} leads away from {base_url}: it was not sent.")
    token = f"Bearer {credentials.access.reveal()}"
    return replace(request, headers={**request.headers, "Authorization": token})
