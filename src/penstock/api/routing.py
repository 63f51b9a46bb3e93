"""What every route of ours does before its function is called, in this order.

The caller is let in (auth.py) · unknown query parameters are refused (a filter with a slip of the
pen in it would silently answer too much) · the body is read whole and strictly · a POST with an
`Idempotency-Key` runs once (idempotency.py).
"""

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from fastapi import APIRouter, Depends, params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from penstock.api.auth import admit, needed_scopes, terms_of, walk
from penstock.api.errors import MalformedRequest, WrongMediaType
from penstock.api.idempotency import once
from penstock.api.query import QueryOf
from penstock.api.straight import Answer, straight
from penstock.api.strict_json import read_json
from penstock.db import wall


class StrictRequest(Request):
    """A request whose JSON was read already, strictly."""

    content: Any = None

    async def json(self) -> Any:  # noqa: ANN401 - it is whatever was sent
        """Return the body that `PenstockRoute` has read."""
        return self.content


class PenstockRoute(APIRoute):
    """A route that says who may call it. Raises TypeError when it is made without."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is for this route.

        Every request asks dozens of routes: most see by the path's fixed part that it is not.
        """
        fixed, goes_on = self._fixed
        path = scope["path"]
        if not (fixed in path if goes_on else path.endswith(fixed)):
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _fixed(self) -> tuple[str, str]:
        """Return what the path begins with, and a brace where parameters follow."""
        fixed, brace, _ = self.path.partition("{")
        return fixed, brace

    def get_route_handler(self) -> Answer:
        """Return the function that answers, with our own steps before FastAPI's."""
        answer = straight(self.dependant) or super().get_route_handler()
        needed = needed_scopes(self.dependant)
        terms = terms_of(self.dependant)
        _check_asynchronous(self)
        known = _known_names(self.dependant)
        takes_json = self.body_field is not None and not isinstance(
            self.body_field.field_info, params.Form
        )

        async def guarded(request: Request) -> Response:
            wall.bind(None)  # a server may begin a request within the context of the last one
            request = StrictRequest(request.scope, request.receive)
            caller = None
            if needed is not None:
                caller = await admit(request, needed, terms)
            _check_query(request, known)
            if takes_json:
                request.content = await _read(request)
            if caller and request.method == "POST" and "idempotency-key" in request.headers:
                return await once(request, caller, answer)
            return await answer(request)

        return guarded


def nouns(tag: str, *, prefix: str = "/v1") -> APIRouter:
    """Return the router for the routes of one noun."""
    return APIRouter(
        prefix=prefix, tags=[tag], route_class=PenstockRoute, generate_unique_id_function=_name
    )


def _name(route: APIRoute) -> str:
    """Return the operation's id: clients that are made from the document name their calls so."""
    return route.name


def _check_asynchronous(route: APIRoute) -> None:
    """Refuse what FastAPI would run in its own pool of forty threads, beside our lanes."""
    for one in walk(route.dependant):
        call: Any = one.call
        if not _is_asynchronous(call) and not _is_asynchronous(type(call).__call__):
            raise TypeError(f"{route.path}: {call} must be `async def`; use the database's lanes")


def _is_asynchronous(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


async def _any_query() -> None:
    """There is nothing to check."""


ANY_QUERY: Final = Depends(_any_query)
"""The mark of a route whose query others write: a bank that sends a person back, say."""


def _known_names(dependant: Dependant) -> frozenset[str] | None:
    if any(one.call is _any_query for one in walk(dependant)):
        return None
    read_at_once = (one.call.names for one in walk(dependant) if isinstance(one.call, QueryOf))
    return frozenset(_query_names(dependant)).union(*read_at_once)


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in (field for one in walk(dependant) for field in one.query_params):
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (info.alias or name for name, info in model.model_fields.items())
        else:
            yield field.alias


def _check_query(request: Request, known: frozenset[str] | None) -> None:
    unknown = [name for name in request.query_params if known is not None and name not in known]
    if any("\0" in value for value in request.query_params.values()):
        raise MalformedRequest("A parameter holds U+0000, which is no text.")
    if unknown:
        faults = [
            {"loc": ("query", name), "msg": "There is no such parameter here.", "type": "unknown"}
            for name in unknown
        ]
        raise RequestValidationError(faults)


async def _read(request: Request) -> Any:  # noqa: ANN401 - it is whatever was sent
    body = await request.body()
    if not body:
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise WrongMediaType("Send JSON, with the header `Content-Type: application/json`.")
    return read_json(body)
