"""Servers on this machine that behave badly, and names that lead to them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A running server: where it listens, and the requests that reached it, as they came."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    @property
    def named(self) -> str:
        """What the operator writes to allow it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{self.named}"


@asynccontextmanager
async def serving(behave: Behaviour) -> AsyncIterator[Server]:
    """Run a server that reads a request's head, writes it down, and then does `behave`."""
    running: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            while head := await _head(reader):
                server.heard.append(head)
                await behave(reader, writer)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            running.discard(task)
            writer.close()

    listener = await asyncio.start_server(meet, "127.0.0.1", 0)
    server = Server(listener.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listener.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@asynccontextmanager
async def serving_app(app: web.Application) -> AsyncIterator[Server]:
    """Run a well-behaved web application."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        await web.SockSite(runner, listener).start()
        yield Server(listener.getsockname()[1])
    finally:
        await runner.cleanup()


def saying(answer: bytes, *, close: bool = True) -> Behaviour:
    """Answer with these bytes, and hang up unless told otherwise."""

    async def behave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        if close:
            writer.close()

    return behave


def ok(body: bytes, *headers: bytes) -> bytes:
    """Return the bytes of a good answer."""
    head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


class Names(AbstractResolver):
    """Resolves every name to the next of the given answers, or fails so; the last one stays."""

    def __init__(self, *answers: list[tuple[str, int]] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - it is called by name
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=target or port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address, target in answer
        ]

    async def close(self) -> None:
        pass
