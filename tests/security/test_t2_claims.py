"""T2: every claim is demanded, each in its form; a token of one purpose is no other."""

from typing import Any

import pytest

from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.security.forging import ME, forger
from tests.security.proving import Prover

CLAIMS: list[dict[str, Any]] = [
    {"iss": "another"},
    {"iss": ""},
    {"iss": None},
    {"iss": ["penstock"]},
    {"aud": "penstock"},
    {"aud": "penstock:api2"},
    {"aud": ["penstock:api"]},
    {"aud": []},
    {"sub": "usr_0000000000999"},
    {"sub": "ses_0000000000001"},
    {"sub": 1},
    {"sub": ""},
    {"sid": "ses_0000000000999"},
    {"sid": "usr_0000000000001"},
    {"scope": "read root"},
    {"scope": "read\nwrite"},
    {"scope": ["read"]},
    {"jti": ""},
    {"jti": None},
    {"client_id": ""},
    {"client_id": 7},
    {"cnf": {}},
    {"cnf": {"jkt": ""}},
    {"cnf": {"jkt": "the thumbprint of a key"}},
    {"cnf": {"x5t#S256": "a certificate"}},
    {"cnf": "a key"},
    {"exp": -1},
    {"exp": 0},
    {"exp": "4000000000"},
    {"exp": 4_000_000_000},
    {"exp": 1e300},
    {"exp": 10**40},
    {"exp": True},
    {"exp": None},
    {"iat": "now"},
    {"iat": 0},
    {"nbf": None},
    {"nbf": 4_000_000_000},
    {"act": {"sub": "usr_0000000000001"}},
    {"role": "admin"},
]


@pytest.mark.parametrize("change", CLAIMS, ids=str)
def test_altered_claims_are_refused(sqlite_api: Api, change: dict[str, Any]) -> None:
    """T2: rightly signed and wrong in one claim, a token opens nothing, and is never a 500."""
    one = forger(sqlite_api)
    assert one.status(one.header, one.claims | change) == 401


@pytest.mark.parametrize("seconds", [601, 11])
def test_times_are_checked(sqlite_api: Api, seconds: int) -> None:
    """T2: no token from the future, and none that lasts longer than ours do."""
    one = forger(sqlite_api)
    late = {name: one.claims[name] + seconds for name in ("iat", "nbf", "exp")}
    assert one.status(one.header, one.claims | late) == 401
    assert one.status(one.header, one.claims | {"exp": one.claims["exp"] + seconds}) == 401
    early = {name: one.claims[name] - 600 for name in ("iat", "nbf", "exp")}
    assert one.status(one.header, one.claims | early) == 401


def test_no_claim_may_be_missing(sqlite_api: Api) -> None:
    """T2: leaving a claim out does not leave its check out."""
    one = forger(sqlite_api)
    for name in one.claims:
        left = {key: value for key, value in one.claims.items() if key != name}
        assert one.status(one.header, left) == 401, name


def test_nobody_speaks_for_somebody_else(sqlite_api: Api) -> None:
    """T2, X1: a token that names one person and another's session is nobody's."""
    one = forger(sqlite_api)
    bob = forger_of_bob(sqlite_api)
    assert one.status(one.header, one.claims | {"sub": bob["sub"]}) == 401
    assert one.status(one.header, one.claims | {"sid": bob["sid"]}) == 401


def forger_of_bob(api: Api) -> dict[str, str]:
    """Return what Bob's tokens say of him."""
    issued = api.begin("bob")
    return {
        "sub": public_id("usr", api.person("bob")),
        "sid": public_id("ses", issued.session_id),
    }


def test_a_token_of_one_purpose_is_no_other(sqlite_api: Api) -> None:
    """T2: refresh token, device code, proof, cookie: each opens its own door and no other's."""
    issued = sqlite_api.begin()
    told = sqlite_api.client.post("/device_authorization", data={"client_id": "penstock"}).json()
    access = issued.access.reveal()
    proof = Prover(sqlite_api).proof("GET", ME)
    for other in (issued.refresh.reveal(), told["device_code"], told["user_code"], proof):
        assert sqlite_api.bearing(other).get(ME).status_code == 401
    for form in (
        {"grant_type": "refresh_token", "refresh_token": access},
        {"grant_type": "refresh_token", "refresh_token": told["device_code"]},
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": issued.refresh.reveal(),
        },
    ):
        answer = sqlite_api.client.post("/token", data=form)
        assert answer.json()["error"] == "invalid_grant"
