"""Spans: what a request of ours caused, and how long each part of it took (OpenTelemetry).

Where no endpoint is set, `span` does nothing and imports nothing. A span has a name of few values,
and attributes that say nothing of a person: a route's template, a connector, a host, a status; no
path, no query, no id, no secret.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response


class SpanKind(StrEnum):
    """Which side of a call a span is: it is asked, it asks, or neither."""

    SERVER = "server"
    CLIENT = "client"
    INTERNAL = "internal"


class Span(Protocol):
    """Something that takes a while."""

    def rename(self, name: str) -> None:
        """Give it a better name, once it is known."""

    def note(self, **attributes: str | int) -> None:
        """Say something of it; `http_route` becomes `http.route`."""


class _Nothing:
    def rename(self, name: str) -> None:
        """Do nothing."""

    def note(self, **attributes: str | int) -> None:
        """Do nothing."""


Opener = Callable[[str, SpanKind], AbstractContextManager[Span]]


@dataclass(slots=True)
class _Tracing:
    """The process has one: what runs deep inside need not be handed it."""

    opener: Opener | None = None


_TRACING = _Tracing()
_OFF: AbstractContextManager[Span] = nullcontext(_Nothing())


def trace_with(opener: Opener | None) -> None:
    """Open spans with `opener` from now on; None: none any more."""
    _TRACING.opener = opener


def span(name: str, kind: SpanKind = SpanKind.INTERNAL) -> AbstractContextManager[Span]:
    """Open a span for as long as the context is; within another one it is a part of that."""
    return _OFF if _TRACING.opener is None else _TRACING.opener(name, kind)


def traced(send: Sender, connector: str) -> Sender:
    """Return a sender that does the same within a span, where spans are wanted."""
    if _TRACING.opener is None:
        return send

    async def send_traced(request: Request) -> Response:
        with span(f"{request.method} {connector}", SpanKind.CLIENT) as asking:
            host = urlsplit(request.url).hostname or ""
            asking.note(
                http_request_method=request.method, server_address=host, connector=connector
            )
            response = await send(request)
            asking.note(http_response_status_code=response.status)
            return response

    return send_traced
