"""A line that breaks: what goes through it is cut at a random byte, or trickles, now and then."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

from tests.torture.pause import pause

_PIECE = 16_384


@dataclass(slots=True)
class Proxy:
    """Hands bytes on to a port of this machine. `calm` lets everything through."""

    port: int
    random: Random
    most: int
    calm: bool = False
    listens_on: int = 0
    cuts: int = 0
    trickles: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one side closes it, or it is cut."""
        try:
            there, out = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        fate = self.random.random()
        left = self.random.randrange(1, self.most) if fate < 0.5 and not self.calm else None
        slow = fate > 0.9 and not self.calm
        self.trickles += slow
        ways = [
            asyncio.ensure_future(self._carry(reader, out, None, slow=False)),
            asyncio.ensure_future(self._carry(there, writer, left, slow=slow)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            for end in (writer, out):
                end.transport.abort()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: int | None,
        *,
        slow: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if left is not None and len(piece) >= left:
                    writer.write(piece[:left])
                    await writer.drain()
                    self.cuts += 1
                    return
                left = None if left is None else left - len(piece)
                if slow:
                    for place in range(min(40, len(piece))):
                        writer.write(piece[place : place + 1])
                        await pause(0.01)
                    piece = piece[40:]
                writer.write(piece)
                await writer.drain()


@contextlib.asynccontextmanager
async def breaking_line(port: int, random: Random, most: int) -> AsyncIterator[Proxy]:
    """Open a line to a port; a connection that is cut is cut within its first `most` bytes."""
    proxy = Proxy(port, random, most)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.listens_on = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
