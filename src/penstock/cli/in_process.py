"""The API without a socket: requests go straight to the app, which runs in this process (ASGI).

The answer's body arrives as the app writes it, so that an export of any size needs little memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import httpx2

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

BASE_URL: Final = "http://localhost"
_WAITING_CHUNKS: Final = 16


class AppTransport(httpx2.AsyncBaseTransport):
    """Sends requests to an ASGI app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer as soon as it begins; what the app raises before that is raised."""
        exchange = _Exchange(await request.aread())
        task = asyncio.create_task(exchange.run(self._app, _scope(request)))
        try:
            status, headers = await exchange.beginning
        except BaseException:
            await _end(task)
            raise
        return httpx2.Response(status, headers=headers, stream=_Body(exchange, task))


class _Exchange:
    """One request and its answer, between the app's task and ours."""

    def __init__(self, body: bytes) -> None:
        self.beginning: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = (
            asyncio.get_running_loop().create_future()
        )
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING_CHUNKS)
        self._body: bytes | None = body
        self._gone = asyncio.Event()

    async def run(self, app: App, scope: Message) -> None:
        """Let the app answer, and note the end; if we are cancelled, nobody waits for it."""
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:
            if not self._fail(error):
                await self.chunks.put(None)
                raise
        else:
            self._fail(RuntimeError("the app gave no answer"))
            await self.chunks.put(None)

    def _fail(self, error: Exception) -> bool:
        """Fail the request, unless its answer has begun."""
        if self.beginning.done():
            return False
        self.beginning.set_exception(error)
        return True

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.beginning.set_result((message["status"], list(message.get("headers", []))))
        elif message.get("body"):
            await self.chunks.put(message["body"])


class _Body(httpx2.AsyncByteStream):
    """The answer's body. Where the app fails in the middle of it, so does reading it."""

    def __init__(self, exchange: _Exchange, task: "asyncio.Task[None]") -> None:
        self._exchange = exchange
        self._task = task

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self._exchange.chunks.get()) is not None:
            yield chunk
        await self._task

    async def aclose(self) -> None:
        await _end(self._task)


async def _end(task: "asyncio.Task[None]") -> None:
    """End the app's task, whose answer nobody reads any more."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # whoever read the body has seen it already


def _scope(request: httpx2.Request) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port or 80),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
