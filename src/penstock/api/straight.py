"""Routes that are called without FastAPI's steps in between, where they would change nothing.

Such a route takes its caller, the running Penstock, a query that is read at once (query.py), or a
part of these, and returns a Response. FastAPI takes longer to find that out anew at each request
than it takes to let the caller in.
"""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.auth import Terms
from penstock.api.query import QueryOf
from penstock.api.running import running_of

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


def straight(dependant: Dependant) -> Answer | None:
    """Return what calls a route; None for one that needs more than a request to be called."""
    call: Any = dependant.call
    readers: list[tuple[str | None, Any]] = [(one.name, one.call) for one in dependant.dependencies]
    signature = inspect.signature(call)
    if signature.return_annotation is not Response:
        return None
    if signature.parameters.keys() != {name for name, _ in readers}:
        return None
    if not all(_reads_request(reader) for _, reader in readers):
        return None

    async def answer(request: Request) -> Response:
        given: dict[str, Any] = {str(name): await read(request) for name, read in readers}
        response: Response = await call(**given)
        return response

    return answer


def _reads_request(reader: Any) -> bool:  # noqa: ANN401 - whatever a route depends on
    return isinstance(reader, Terms | QueryOf) or reader is running_of
