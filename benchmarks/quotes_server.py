"""The site that is asked: a process of its own, whose answers are ready before anybody asks.

    python benchmarks/quotes_server.py COUNT LATENCY_MS

It prints its port when it is ready, and ends when its standard input does.
"""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Final, cast

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.quotes_pages import make_pages, symbols

END: Final = b"\r\n\r\n"
HEAD: Final = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
    'ETag: "{}"\r\nContent-Length: {}\r\n\r\n'
)
STILL: Final = 'HTTP/1.1 304 Not Modified\r\nETag: "{}"\r\n\r\n'
ASKS_WHETHER: Final = b"if-none-match: "


class Site(asyncio.Protocol):
    """Answers each request with the page of its last path segment, after the latency.

    Whoever shows the page's ETag is told that it still holds.
    """

    def __init__(self, answers: dict[bytes, bytes], latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._heard += data
        while END in self._heard:
            request, _, self._heard = self._heard.partition(END)
            name = request.split(b" ", 2)[1].rpartition(b"/")[2]
            answer = self._answers[name]
            if ASKS_WHETHER + b'"' + name.lower() + b'"' in request.lower():
                answer = STILL.format(name.decode()).encode()
            self._loop.call_later(self._latency, self._transport.write, answer)


async def serve(count: int, latency: float) -> None:
    """Serve until the standard input is closed."""
    pages = make_pages(symbols(count))
    answers = {
        name.encode(): HEAD.format(name, len(body)).encode() + body for name, body in pages.items()
    }
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    # Room for a whole answer: the kernel takes it at once, and nothing is copied here.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
    server = await loop.create_server(lambda: Site(answers, latency), sock=listening)
    print(listening.getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
