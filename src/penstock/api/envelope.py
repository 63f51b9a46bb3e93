"""What goes around every answer: a request id, headers that keep browsers in check, a log line.

It is the outermost layer, so nothing leaves without them, and no fault of ours leaves as anything
but a problem (errors.py). The log line has the route and the path, never the query string.
"""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.errors import internal_problem
from penstock.api.peer import Proxies, client_address, is_encrypted
from penstock.api.running import Installation
from penstock.domain.asking import Asking, Via, asked_by
from penstock.observe.log import bind_request_id, get_logger, is_request_id
from penstock.observe.trace import SpanKind, span

HEADER: Final = "X-Request-ID"
_HEADER: Final = HEADER.lower().encode()

# What an answer may do in a browser: nothing. Pages of our own say more themselves.
_HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"interest-cohort=()"),
    (b"cache-control", b"no-store"),
)
_ENCRYPTED: Final = (*_HEADERS, (b"strict-transport-security", b"max-age=31536000"))
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = get_logger("penstock.api")


class Envelope:
    """Middleware around the whole app. `timer` gives seconds for durations."""

    def __init__(self, app: ASGIApp, timer: Callable[[], float] = time.perf_counter) -> None:
        self.app = app
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(HEADER, "")
        request_id = asked if is_request_id(asked) else secrets.token_hex(16)
        method = _method(scope)
        address = client_address(scope, scope["app"].state.proxies)
        scope.setdefault("state", {})["address"] = address
        with (
            bind_request_id(request_id),
            asked_by(Asking(Via.API, address)),
            span(method, SpanKind.SERVER) as answering,
        ):
            status = await self._serve(scope, receive, send, request_id)
            answering.rename(f"{method} {_route(scope)}")
            answering.note(http_request_method=method, http_route=_route(scope))
            answering.note(http_response_status_code=status)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        running: Installation = scope["app"].state.installation
        trusted: Proxies = scope["app"].state.proxies
        headers = (*_headers(scope, running, trusted), (_HEADER, request_id.encode()))
        started = self._timer()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = [(name.lower(), value) for name, value in message.get("headers", ())]
                names = {name for name, _ in said}
                message["headers"] = [*said, *(one for one in headers if one[0] not in names)]
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        except Exception:
            _log.exception("request_failed", method=scope["method"], path=_path(scope))
            if status:
                raise  # half an answer is out: the connection must break, not end well
            await internal_problem()(scope, receive, send_on)
        finally:
            _report(scope, running, status, self._timer() - started)
        return status


def _headers(
    scope: Scope, running: Installation, trusted: Proxies
) -> tuple[tuple[bytes, bytes], ...]:
    public = running.settings.public_url
    if (public and public.scheme == "https") or is_encrypted(scope, trusted):
        return _ENCRYPTED
    return _HEADERS


def _report(scope: Scope, running: Installation, status: int, seconds: float) -> None:
    running.metrics.answered(_method(scope), _route(scope), status, seconds)
    _log.info(
        "request_answered",
        method=scope["method"],
        path=_path(scope),
        status=status,
        ms=round(seconds * 1000, 1),
        **_who(scope),
    )


def _method(scope: Scope) -> str:
    """Whoever likes can think up methods, and each would be a series that stays for good."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")


def _who(scope: Scope) -> dict[str, Any]:
    state = scope.get("state", {})
    who: dict[str, Any] = {"address": state.get("address")}
    if "caller" in state:
        who["user"] = state["caller"].user_id
    return who


def _path(scope: Scope) -> str:
    return _UNPRINTABLE.sub("?", scope["path"])[:200]
