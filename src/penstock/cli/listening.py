"""Listening: the socket first, so that a port that is taken is said before all else."""

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from penstock.cli.failure import Failed

if TYPE_CHECKING:
    from starlette.applications import Starlette

ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - it is compared with, not bound to
_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 10


@contextlib.contextmanager
def listening_socket(
    host: str, port: int, *, flags: str = "--host and --port"
) -> Iterator[socket.socket]:
    """Open the socket to listen on. Raises Failed where it is taken; `flags` choose another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms late for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two servers take the same port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _not_to_be_had(host, port, flags, error) from error
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()


def _not_to_be_had(host: str, port: int, flags: str, error: OSError) -> Failed:
    remedy = f"Choose others with {flags}."
    if error.errno == errno.EADDRINUSE:
        return Failed(
            f"something listens on port {port} of {host} already",
            remedy=f"Does another `penstock` run there? If not: {remedy[0].lower()}{remedy[1:]}",
        )
    why = error.strerror or str(error)
    return Failed(f"port {port} of {host} cannot be listened on: {why}", remedy=remedy)


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens, as an address of this machine."""
    host, port = listener.getsockname()[:2]
    if host in ANYWHERE:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def answer(app: "Starlette", listener: socket.socket, asked: asyncio.Event) -> None:
    """Answer requests until asked to stop; those under way may end."""
    import uvicorn

    class Server(uvicorn.Server):
        """A server that leaves the signals to us."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        log_level="warning",  # we say ourselves that we listen
        access_log=False,  # the API writes its own lines, without queries
        proxy_headers=False,  # the API reads them itself, from proxies that it trusts
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
