"""What routes ask for besides a scope, read from the routes themselves."""

from typing import Literal

from starlette.routing import BaseRoute

from penstock.api.auth import terms_of
from penstock.api.routing import PenstockRoute
from tests.api.serving import Api


def marked(api: Api, term: Literal["fresh", "own"]) -> set[tuple[str, str]]:
    """Return method and path of each route that asks for a fresh proof, or a program of ours."""
    routes: list[BaseRoute] = api.app.routes
    return {
        (method, route.path)
        for route in routes
        if isinstance(route, PenstockRoute) and getattr(terms_of(route.dependant), term)
        for method in route.methods or ()
    }
