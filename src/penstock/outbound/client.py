"""The one HTTP client for everything that leaves: fast, bounded, and careful where it goes."""

import asyncio
import logging
import re
import ssl
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from penstock.domain.errors import DestinationRefused, InvalidInput
from penstock.domain.request import Request, Response
from penstock.outbound.body import ENCODINGS, has_end, read_body
from penstock.outbound.destination import Destinations, open_named, open_public
from penstock.outbound.failure import FOREIGN, translate

_log = logging.getLogger("penstock.outbound")

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")  # a token (RFC 9110 §5.6.2)
_VALUE: Final = re.compile(r"[\t -~]{0,65536}")
_METHOD: Final = re.compile(r"[A-Z]{1,16}")
# These say where a message ends or whom it is for: the library writes them, nobody else.
_FRAMING: Final = frozenset(
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te"]
)
_NO_TIMERS: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


class Counts(Protocol):
    """What counts requests (`observe.metrics.Metrics`, which is a sibling)."""

    def asked(self, connector: str, status: str, seconds: float) -> None:
        """Count a request by connector and status class: 2xx … 5xx, failed, refused."""


class Outbound:
    """Sends requests to others. `async with Outbound(…) as outbound: await outbound.send(request)`.

    `allow` are the operator's own destinations (`host` or `host:port`): only these may be asked
    over plain HTTP, at other ports than 443, and at loopback or private addresses. `deadline` is
    seconds for a whole exchange, the wait for a free connection included; `max_bytes` bounds a
    decompressed body; `connections` bounds how many are open at a time. `showing` are the TLS
    contexts with which connectors show a certificate of ours, by their name. No redirect is
    followed, no cookie kept, no proxy of the environment used.
    """

    def __init__(  # noqa: PLR0913  each is a setting of its own
        self,
        *,
        allow: Iterable[str] = (),
        metrics: Counts | None = None,
        deadline: float = 30.0,
        max_bytes: int = 32 * 1024 * 1024,
        connections: int = 100,
        resolver: AbstractResolver | None = None,
        showing: Mapping[str, ssl.SSLContext] | None = None,
    ) -> None:
        self._destinations = Destinations(allow)
        self._metrics = metrics
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._connections = connections
        self._resolver = resolver
        self._showing = showing or {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._sessions = {
            (name, named): await self._open.enter_async_context(
                self._session(named=named, context=context)
            )
            for name, context in {"": None, **self._showing}.items()
            for named in (False, True)
        }
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def send(self, request: Request, *, connector: str = "other") -> Response:
        """Ask, and return the whole answer, whatever its status; a redirect is an answer too.

        `connector` is the name under which it is counted. Raises DestinationRefused for an
        address that we do not talk to, TransportFailure where no whole answer came, InvalidInput
        for a method or header that could be read as something else.
        """
        started = self._loop.time()
        outcome, size = "failed", 0
        try:
            response = await self._ask(request, connector)
            outcome, size = f"{response.status // 100}xx", len(response.body)
        except DestinationRefused:
            outcome = "refused"
            raise
        else:
            return response
        finally:
            seconds = self._loop.time() - started
            if self._metrics is not None:
                self._metrics.asked(connector, outcome, seconds)
            if _log.isEnabledFor(logging.DEBUG):
                facts = {
                    "connector": connector,
                    "method": request.method,
                    "url": request.url.partition("?")[0],
                    "outcome": outcome,
                    "bytes": size,
                    "seconds": round(seconds, 6),
                }
                _log.debug("asked", extra=facts)

    async def _ask(self, request: Request, connector: str) -> Response:
        url, named = self._destinations.check(request.url)
        session = self._sessions[connector if connector in self._showing else "", named]
        method, sent = _checked_method(request.method), _checked(request.headers)
        try:
            async with (
                asyncio.timeout(self._deadline),
                session.request(
                    method, url, headers=sent, data=request.body, allow_redirects=False
                ) as answer,
            ):
                body = await read_body(answer, self._max_bytes)
                headers = _headers_of(answer)
                return Response(answer.status, headers, body, request.url, has_end(headers))
        except FOREIGN as error:
            raise translate(error, url.host or "", self._deadline) from error

    def _session(self, *, named: bool, context: ssl.SSLContext | None) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                ssl=context or True,
                resolver=self._resolver,
                use_dns_cache=False,
                socket_factory=open_named if named else open_public,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": f"penstock/{version('penstock')}",
                "Accept-Encoding": ENCODINGS,
            },
            auto_decompress=False,
            skip_auto_headers=["Content-Type"],
            timeout=_NO_TIMERS,
            trust_env=False,
        )


def _checked_method(method: str) -> str:
    if not _METHOD.fullmatch(method):
        raise InvalidInput("A method is made of capital letters.")
    return method


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise InvalidInput(f"{name[:64]!r} is no header that a request may carry.")
        if not _VALUE.fullmatch(value):
            raise InvalidInput(f"The header {name} has characters that could end it.")
    return headers


def _headers_of(answer: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Return the headers by lower-case name, repeated ones joined (RFC 9110 §5.3), no cookies."""
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        if key != "set-cookie":
            text = value if value.isascii() else _readable(value)
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _readable(value: str) -> str:
    """Replace what is not UTF-8: aiohttp leaves lone surrogates there, which nobody can store."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
