"""Who is let in: every route by every scope, and what a token must look like."""

import itertools
from collections.abc import Iterator

import pytest

from penstock.identity.scopes import Scope, write_scopes
from tests.api.serving import Api

CALLBACKS = "/v1/callback"
"""Where a bank sends a person's browser, which has no token."""


def operations(api: Api) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Return method, address (ids made up) and scopes of every `/v1` route, from the document."""
    document = api.client.get("/openapi.json").json()
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            if not path.startswith("/v1") or path.startswith(CALLBACKS):
                continue
            address = path.replace("{", "").replace("}", "")
            schemes = [scopes for one in route.get("security", ()) for scopes in one.values()]
            yield method.upper(), address, frozenset(itertools.chain(*schemes))


def test_every_route_is_behind_a_token(sqlite_api: Api) -> None:
    """T5: without a token each `/v1` route answers 401 (OAuth callbacks aside), body or not."""
    asked = list(operations(sqlite_api))
    assert len(asked) >= 5
    for method, address, _ in asked:
        for body in (None, b"{", b"\xff"):
            answer = sqlite_api.client.request(method, address, content=body)
            assert answer.status_code == 401, (method, address)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["type"] == "urn:penstock:problem:not-signed-in"


def test_every_route_wants_its_scopes(sqlite_api: Api) -> None:
    """T5: with every scope but the one that it needs, a route answers 403 and names it."""
    clients = {
        scope: sqlite_api.signed_in("ada", *(one for one in Scope if one is not scope))
        for scope in Scope
    }
    checked = 0
    for method, address, scopes in operations(sqlite_api):
        for scope in scopes:
            answer = clients[Scope(scope)].request(method, address)
            assert answer.status_code == 403, (method, address)
            needed = write_scopes(map(Scope, scopes))
            assert f'scope="{needed}"' in answer.headers["www-authenticate"]
            checked += 1
    assert checked >= 4


_CHANGE_NOTHING = {"/v1/sign-out", "/v1/imports/preview", "/v1/me/prove"}
_OF_OTHERS = ("/v1/quotes", "/v1/rates", "/v1/sources", "/v1/links", "/v1/institutions")


def test_every_get_needs_only_to_read(sqlite_api: Api) -> None:
    """T5: a token that may only read can read everything that is one's own.

    Prices are nobody's own, and a link under way, and the search for a bank to link, belong to
    whoever may connect.
    """
    for method, address, scopes in operations(sqlite_api):
        if method == "GET" and not address.startswith(_OF_OTHERS) and "admin" not in scopes:
            assert scopes == {"read"}, address


def test_no_write_is_open_to_a_reader(sqlite_api: Api) -> None:
    """T5: whatever changes something needs more than to read.

    Signing out needs nothing, and a preview of a file changes nothing.
    """
    for method, address, scopes in operations(sqlite_api):
        if method != "GET" and address not in {
            "/v1/sign-out",
            "/v1/imports/preview",
            "/v1/me/prove",
        }:
            assert scopes - {"read"}, (method, address)


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer"],
        ["Bearer "],
        ["Basic {token}"],
        ["Token {token}"],
        ["{token}"],
        ["Bearer {token} x"],
        ["Bearer  {token}"],
        ["Bearer {token}", "Bearer {token}"],
        ["Bearer é"],
        ["Bearer eyJhbGciOiJub25lIn0.e30."],
    ],
    ids=str,
)
def test_other_headers_are_refused(sqlite_api: Api, headers: list[str]) -> None:
    """T1: one header, one scheme, one token; whatever else is sent is 401, never 500."""
    token = sqlite_api.begin().access.reveal()
    sent = [(b"Authorization", one.format(token=token).encode()) for one in headers]
    answer = sqlite_api.client.get("/v1/me", headers=sent)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_the_scheme_has_no_case(sqlite_api: Api) -> None:
    """RFC 9110 §11.1: `bearer` is `Bearer`."""
    token = sqlite_api.begin().access.reveal()
    sent = {"Authorization": f"bearer {token}"}
    assert sqlite_api.client.get("/v1/me", headers=sent).status_code == 200


def test_a_token_in_the_address_is_not_taken(sqlite_api: Api) -> None:
    """K3: a token belongs into a header; in an address it would land in logs."""
    token = sqlite_api.begin().access.reveal()
    answer = sqlite_api.client.get("/v1/me", params={"access_token": token})
    assert answer.status_code == 401


def test_a_refresh_token_opens_nothing(sqlite_api: Api) -> None:
    """T2: a token of one purpose is no other."""
    refresh = sqlite_api.begin().refresh.reveal()
    assert sqlite_api.bearing(refresh).get("/v1/me").status_code == 401


def test_a_token_ends_with_its_ten_minutes(api: Api) -> None:
    """T3: ten minutes later the token is no good."""
    client = api.signed_in()
    assert client.get("/v1/me").status_code == 200
    api.clock.advance(minutes=10)
    assert client.get("/v1/me").status_code == 401
