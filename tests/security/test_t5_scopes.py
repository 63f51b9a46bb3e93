"""T5: a token opens the routes whose scopes it has, and no other; who says nothing is shut out.

Driven by the OpenAPI document and by the app's own list of routes.
"""

import itertools
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from penstock.api.app import create_app
from penstock.api.auth import needed_scopes
from penstock.api.routing import nouns
from penstock.identity.scopes import Scope, write_scopes
from tests.api.serving import Api, noun
from tests.security.programs import make_admin
from tests.security.test_x1_tenants import content_of, document_of, fill, names_in, things_of


def declared(api: Api) -> Iterator[tuple[str, str, frozenset[str], bytes | None]]:
    """Return method, address, scopes and a body of every route behind a token."""
    document = document_of(api)
    ids = things_of(api, "ada")
    for path, routes in document["paths"].items():
        for method, route in routes.items():
            if not route.get("security"):
                continue
            schemes = [scopes for one in route["security"] for scopes in one.values()]
            names = dict.fromkeys(names_in(path), "x") | ids
            content = content_of(route, document, {})
            yield method.upper(), fill(path, names), frozenset(itertools.chain(*schemes)), content


def is_shut(api: Api, granted: frozenset[Scope], method: str, address: str, body: bytes) -> str:
    """Ask with a fresh token of these scopes; return what is said of them, or nothing."""
    client = api.bearing(api.begin("ada", granted).access.reveal())
    json = {"Content-Type": "application/json"}
    answer = client.request(method, address, content=body, headers=json)
    told = answer.headers.get("www-authenticate", "")
    assert answer.status_code != 500, (method, address)
    assert "invalid_token" not in told, (method, address)
    return told if answer.status_code == 403 and "insufficient_scope" in told else ""


@pytest.mark.long
def test_each_route_by_each_scope(sqlite_api: Api) -> None:
    """T5: none and each single scope: exactly what a route declares opens it."""
    single: list[frozenset[Scope]] = [frozenset(), *(frozenset({one}) for one in Scope)]
    routes = list(declared(sqlite_api))
    make_admin(sqlite_api, "ada")
    assert len(routes) >= 40
    for method, address, scopes, body in routes:
        needed = frozenset(map(Scope, scopes))
        for granted in {*single, needed}:
            told = is_shut(sqlite_api, granted, method, address, body or b"")
            assert bool(told) is not (needed <= granted), (method, address, granted)
            assert not told or f'scope="{write_scopes(needed)}"' in told


def test_what_the_document_says_is_what_is_asked_for(sqlite_api: Api) -> None:
    """T5: the document and the app agree, for every route that there is."""
    document = document_of(sqlite_api)["paths"]
    for route in sqlite_api.app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        needed = needed_scopes(route.dependant)
        for method in route.methods or ():
            told = document[route.path][method.lower()].get("security")
            assert (needed is None) == (not told), route.path
            assert needed is None or told == [
                {"OAuth2": sorted(scope.value for scope in needed)}
            ], route.path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_route_that_says_nothing_is_not_added(method: str) -> None:
    """T5: deny by default: whoever forgets to say who may call a route cannot start the app."""
    router = nouns("forgotten")

    async def forgotten() -> None:
        """Say nothing of who may call this."""

    with pytest.raises(TypeError, match="says who may call it"):
        router.add_api_route("/forgotten", forgotten, methods=[method])


def test_a_route_beside_the_guard_is_not_added() -> None:
    """T5: nor can a router of another kind be put in, which would ask nobody."""
    router = APIRouter()

    @router.get("/v1/unguarded")
    async def unguarded() -> None:
        """Ask nobody."""

    with pytest.raises(TypeError, match="guarded"):
        create_app(lambda: None, (noun(router),))  # type: ignore[arg-type, return-value]  # it is never opened
