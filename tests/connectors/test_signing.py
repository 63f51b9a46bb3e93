"""The token goes to the provider, and to nobody else."""

import pytest

from penstock.connectors.signing import with_bearer
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request
from penstock.domain.secret import Secret

TOKEN = Credentials(Secret("canary-token"))
HOME = "https://bank.example"


def test_a_request_is_signed_and_else_unchanged() -> None:
    """RFC 6750: the bearer token is in the Authorization header, and the rest stays."""
    request = Request("GET", f"{HOME}/v1/x?y=1", {"Accept": "application/json"}, b"body")
    signed = with_bearer(request, TOKEN, HOME)
    assert signed.headers == {
        "Accept": "application/json",
        "Authorization": "Bearer canary-token",
    }
    assert (signed.method, signed.url, signed.body) == ("GET", request.url, b"body")
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    "url",
    [
        "https://bank.example.evil/v1",
        "https://bank.example@evil/v1",
        "https://bank.example",
        "http://bank.example/v1",
        "https://evil/https://bank.example/",
        "",
    ],
    ids=range(6),
)
def test_the_token_does_not_leave_home(url: str) -> None:
    """K3: a request that leads elsewhere is not signed, and the error does not hold the token."""
    with pytest.raises(ContractBroken) as refused:
        with_bearer(Request("GET", url), TOKEN, HOME)
    assert "canary" not in refused.value.message
