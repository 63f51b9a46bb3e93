"""The HTTP client against servers that are broken or hostile."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import TransportFailure
from penstock.domain.remedy import RemedyKind
from penstock.domain.request import Request, Response
from penstock.outbound.client import Outbound
from tests.outbound.servers import Behaviour, ok, saying, serving

SOON: Final = 0.2
MIB: Final = 1024 * 1024


def ask(behave: Behaviour, *, max_bytes: int = MIB) -> Response:
    """Ask a server that does `behave`, with a secret everywhere that a request has room."""

    async def story() -> Response:
        async with (
            serving(behave) as server,
            Outbound(allow=[server.named], deadline=SOON, max_bytes=max_bytes) as outbound,
        ):
            url = f"{server.url}/canary/path?code=canary"
            return await outbound.send(Request("POST", url, {"X-Key": "canary"}, b"canary"))

    return asyncio.run(story())


def failure(behave: Behaviour, *, max_bytes: int = MIB) -> TransportFailure:
    """Ask, and return how it failed; no failure may show the secrets."""
    with pytest.raises(TransportFailure) as caught:
        ask(behave, max_bytes=max_bytes)
    error = caught.value
    assert "canary" not in f"{error} {error!r} {error.remedy}"
    assert "127.0.0.1" in str(error)
    assert error.remedy is not None
    return error


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body a byte at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send headers, one after the other, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await asyncio.Event().wait()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection in the middle of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body without end, as fast as it is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("behave", [drip, drip_headers, silence])
def test_the_deadline_is_for_the_whole_exchange(behave: Behaviour) -> None:
    """A server that keeps us waiting, or drips, holds nothing longer than the deadline."""
    error = failure(behave)
    assert "within 0.2 s" in str(error)
    assert error.remedy is not None
    assert error.remedy.kind is RemedyKind.WAIT


HEAD: Final = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        HEAD + b"Content-Length: 100\r\n\r\nhalf",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5, 6\r\n\r\nhello",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: five\r\n\r\nhello",
        HEAD + b"Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\nhalf",
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 9999, mtime=0)[:30],
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 9999, mtime=0)[:-1],
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x", mtime=0) + b"more",
        HEAD + b"Content-Encoding: br\r\n\r\nhello",
        HEAD + b"Content-Encoding: gzip, gzip\r\n\r\nhello",
        HEAD + b"X-Big: " + b"a" * 100_000 + b"\r\n\r\n",
        HEAD + b"X-A: b\r\n" * 100_000 + b"\r\n",
        HEAD + b"X-A\x00: b\r\n\r\n",
        HEAD + b": b\r\n\r\n",
        HEAD + b"a b: c\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"<html>canary</html>" * 1000,
    ],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    """What is cut short, or is not HTTP, is a failure, and never a shorter answer."""
    failure(saying(answer))


def test_a_reset_is_a_failure() -> None:
    """A connection that breaks in the middle leaves no answer."""
    failure(reset)


def test_a_body_that_is_longer_than_said_is_cut_where_it_was_said() -> None:
    """Bytes after the end belong to nobody: not to this answer, and not to the next."""

    async def story() -> None:
        poison = ok(b"hello") + ok(b"poison")
        async with (
            serving(saying(poison, close=False)) as server,
            Outbound(allow=[server.named], deadline=SOON) as outbound,
        ):
            first = await outbound.send(Request("GET", server.url))
            second = await outbound.send(Request("GET", server.url))
        assert (first.body, second.body) == (b"hello", b"hello")

    asyncio.run(story())


@pytest.mark.parametrize(
    "behave",
    [endless, saying(ok(b"x" * (MIB + 1))), saying(ok(b"x" * (8 * MIB)))],
    ids=["endless", "one byte more", "eight times"],
)
def test_a_body_has_a_bound(behave: Behaviour) -> None:
    """Whatever length a server says or sends, we take so much and no more."""
    error = failure(behave)
    assert "more than 1048576 bytes" in str(error)


def test_a_body_at_the_bound_is_taken() -> None:
    """The bound itself is allowed."""
    assert len(ask(saying(ok(b"x" * MIB))).body) == MIB


def test_a_gzip_bomb_does_not_go_off() -> None:
    """A small body that opens into a huge one is stopped while it opens: memory stays flat."""
    bomb = gzip.compress(bytes(100 * MIB))
    answer = ok(bomb, b"Content-Encoding: gzip")
    tracemalloc.start()
    try:
        error = failure(saying(answer))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "more than" in str(error)
    assert peak < 10 * MIB


@settings(max_examples=60)
@given(
    st.binary(max_size=200)
    | st.builds(lambda tail: HEAD + tail, st.binary(max_size=100))
    | st.builds(
        lambda name, value, body: HEAD + name + b": " + value + b"\r\n\r\n" + body,
        st.sampled_from(
            [b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Connection", b"X"]
        ),
        st.sampled_from([b"chunked", b"gzip", b"deflate", b"br", b"zstd", b"3", b"close"])
        | st.binary(max_size=8),
        st.binary(max_size=40),
    )
)
def test_any_bytes_are_an_answer_or_a_failure(answer: bytes) -> None:
    """X4: nothing that a server sends raises anything but TransportFailure."""
    try:
        response = ask(saying(answer))
    except TransportFailure:
        return
    assert isinstance(response, Response)


def test_being_cancelled_is_no_failure() -> None:
    """A shutdown passes through, and is not taken for a slow bank."""

    async def story() -> None:
        met = asyncio.Event()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.set()
            await silence(reader, writer)

        async with serving(meet) as server, Outbound(allow=[server.named]) as outbound:
            task = asyncio.create_task(outbound.send(Request("GET", server.url)))
            await met.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "proven"),
    [
        (HEAD + b"Content-Length: 4\r\n\r\nhalf", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n", True),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"half", mtime=0), True),
        (HEAD + b"Content-Encoding: identity\r\n\r\nhalf", False),
        (HEAD + b"\r\nhalf", False),
    ],
)
def test_an_end_that_nobody_can_check_is_told(answer: bytes, *, proven: bool) -> None:
    """A body that ends with its connection may be half of one: whoever reads it has to know."""
    response = ask(saying(answer))
    assert (response.body, response.proven) == (b"half", proven)
