"""Where the bank sends a person's browser back to: a listener on this machine (RFC 8252 §7.3).

It takes one callback on one path, and nothing else: other paths, other methods, other hosts (a
name rebound to 127.0.0.1) and callbacks whose `state` is not the one that we sent are refused,
and it goes on waiting. Whether the state is good is for the server to say.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

_LONGEST_HEAD: Final = 16 * 1024
_HEAD_SECONDS: Final = 10
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Penstock</title>"
    "<h1>{title}</h1><p>{text}"
)


class Listener:
    """Waits for the callback at `redirect_uri`."""

    def __init__(self, path: str, port: int) -> None:
        self.redirect_uri = f"http://127.0.0.1:{port}{path}"
        self._host = f"127.0.0.1:{port}"
        self._path = path
        self._state: str | None = None
        self._came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def expect(self, state: str) -> None:
        """Take the callback from now on that carries this `state`."""
        self._state = state

    async def callback(self, *, seconds: float) -> str:
        """Return the callback's query once it comes. Raises TimeoutError after `seconds`."""
        return await asyncio.wait_for(asyncio.shield(self._came), seconds)

    def accept(self, callback_url: str) -> bool:
        """Take a callback that came another way, pasted by the person; False if it is none."""
        query = urlsplit(callback_url.strip()).query
        if self._state is None or _state_in(query) != self._state:
            return False
        if not self._came.done():
            self._came.set_result(query)
        return True

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, and close it."""
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            status, title, text = self._judge(head.decode("latin-1"))
            writer.write(_page(status, title, text))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _judge(self, head: str) -> tuple[HTTPStatus, str, str]:
        first, *lines = head.split("\r\n")
        method, _, rest = first.partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        if not self._is_for_us(lines) or target.path != self._path:
            return HTTPStatus.NOT_FOUND, "Nothing here", "This is not the address of a callback."
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, "Not like this", "A callback is a GET."
        if self._state is None or _state_in(target.query) != self._state:
            text = "This answer does not belong to the link that the terminal waits for."
            return HTTPStatus.BAD_REQUEST, "Not the answer we wait for", text
        if not self._came.done():
            self._came.set_result(target.query)
        return HTTPStatus.OK, "Done here", "Close this window and go back to the terminal."

    def _is_for_us(self, lines: list[str]) -> bool:
        named = [line.partition(":") for line in lines]
        hosts = [host.strip() for name, _, host in named if name.lower() == "host"]
        return hosts == [self._host]


@contextlib.asynccontextmanager
async def listening(path: str, port: int = 0) -> AsyncIterator[Listener]:
    """Listen on 127.0.0.1 for a callback at `path` while the block runs. Port 0 is a free one.

    Raises OSError where the port is taken.
    """
    listener: Listener | None = None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if listener is not None:
            await listener.answer(reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1", port, limit=_LONGEST_HEAD)
    async with server:
        listener = Listener(path, server.sockets[0].getsockname()[1])
        yield listener


def _state_in(query: str) -> str | None:
    states = parse_qs(query, keep_blank_values=True).get("state", [])
    return states[0] if len(states) == 1 else None


def _page(status: HTTPStatus, title: str, text: str) -> bytes:
    body = _PAGE.format(title=escape(title), text=escape(text)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
