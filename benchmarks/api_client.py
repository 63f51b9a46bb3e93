"""The client of benchmarks/api.py: sockets and bytes, so that it is never what is measured."""

import asyncio
import resource
import statistics
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

END = b"\r\n\r\n"
LENGTH = b"content-length: "


@dataclass
class Load:
    """What came of asking the same again and again. Times are seconds, `busy` our own CPU."""

    taken: float
    busy: float = 0
    times: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.times) / self.taken

    @property
    def median_ms(self) -> float:
        """How long half of the answers took, at the most."""
        return statistics.median(self.times) * 1000


class Asker:
    """One connection, kept open, with one request at a time in flight."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, url: str) -> "Asker":
        """Connect."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port, limit=2**20))

    async def ask(self, request: bytes) -> bytes:
        """Send a request; return the body. Raises AssertionError unless the answer is a 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(END)
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(head.decode(errors="replace"))
        start = head.lower().index(LENGTH) + len(LENGTH)
        return await self._reader.readexactly(int(head[start : head.index(b"\r", start)]))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


def request_for(path: str, token: str) -> bytes:
    """Return a request as bytes."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    return head.encode()


async def load(url: str, request: bytes, *, seconds: float, at_once: int) -> Load:
    """Ask the same for so long, with so many requests in flight."""
    askers = [await Asker.to(url) for _ in range(at_once)]
    began, busy = time.perf_counter(), _cpu()
    found = Load(seconds)

    async def go_on(asker: Asker) -> None:
        now = time.perf_counter()
        while now < began + seconds:
            await asker.ask(request)
            before, now = now, time.perf_counter()
            found.times.append(now - before)

    await asyncio.gather(*map(go_on, askers))
    found.taken, found.busy = time.perf_counter() - began, _cpu() - busy
    for asker in askers:
        await asker.close()
    return found


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
