"""The HTTP client against servers, names and networks that are broken or hostile."""

import asyncio
import gzip
import socket
import ssl
import struct
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import DestinationRefused, TransportFailure
from penstock.domain.protocol import Request, Response
from penstock.domain.remedy import RemedyKind
from penstock.outbound.client import Outbound
from tests.outbound.servers import Behaviour, Names, ok, saying, serving

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


def test_nobody_listening_is_a_failure() -> None:
    """A refused connection says so, by the system's name for it."""

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        async with Outbound(allow=["127.0.0.1"], deadline=SOON) as outbound:
            with pytest.raises(TransportFailure, match="ECONNREFUSED"):
                await outbound.send(Request("GET", f"http://127.0.0.1:{port}/?code=canary"))

    asyncio.run(story())


def test_a_name_that_does_not_resolve_is_a_failure() -> None:
    """A name that is not found may be found later: it is no refusal."""

    async def story() -> None:
        async with Outbound(resolver=Names(OSError(None, "Name or service not known"))) as outbound:
            with pytest.raises(TransportFailure, match="does not resolve") as caught:
                await outbound.send(Request("GET", "https://bank.example/"))
        assert not isinstance(caught.value, DestinationRefused)

    asyncio.run(story())


NAMES_FOR_HERE: Final = [
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.1",
    "0x7f000001",
    "localhost",
    "localhost.",
    "127.0.0.1.",
    "bank.example",
    "127.0.0.1.nip.example",
]


@pytest.mark.parametrize("name", NAMES_FOR_HERE)
def test_a_name_that_leads_here_reaches_nobody(name: str) -> None:
    """X2: whatever a name looks like, the address that it leads to is what counts."""

    async def story() -> None:
        async with serving(saying(ok(b"inside"))) as secret:
            names = Names([("127.0.0.1", secret.port)])
            async with Outbound(resolver=names, deadline=SOON) as outbound:
                with pytest.raises(DestinationRefused):
                    await outbound.send(Request("GET", f"https://{name}/"))
            assert secret.heard == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "literal",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "[fec0::1]",
        "[fd00:ec2::254]",
    ],
)
def test_a_literal_address_is_judged_too(literal: str) -> None:
    """X2: a literal address asks no resolver, and is refused all the same."""

    async def story() -> None:
        names = Names([("127.0.0.1", 9)])
        async with Outbound(resolver=names, deadline=SOON) as outbound:
            with pytest.raises(DestinationRefused):
                await outbound.send(Request("GET", f"https://{literal}/"))
        assert names.asked == []

    asyncio.run(story())


def test_being_allowed_by_name_is_not_being_allowed_by_address() -> None:
    """X2: the operator's `127.0.0.1:PORT` does not let another name lead there."""

    async def story() -> None:
        async with serving(saying(ok(b"inside"))) as secret:
            names = Names([("127.0.0.1", secret.port)])
            allow = [secret.named, "127.0.0.1"]
            async with Outbound(allow=allow, resolver=names, deadline=SOON) as outbound:
                with pytest.raises(DestinationRefused):
                    await outbound.send(Request("GET", "https://bank.example/"))
            assert secret.heard == []

    asyncio.run(story())


def test_a_name_that_changes_its_mind_is_judged_again() -> None:
    """X2: rebinding: each new connection resolves and judges afresh."""

    async def story() -> None:
        async with serving(saying(ok(b"good"))) as server:
            names = Names([("127.0.0.1", server.port)], [("169.254.169.254", 80)])
            allow = ["bank.internal"]
            async with Outbound(allow=allow, resolver=names, deadline=SOON) as outbound:
                first = await outbound.send(Request("GET", "http://bank.internal/"))
                with pytest.raises(DestinationRefused):
                    await outbound.send(Request("GET", "http://bank.internal/"))
            assert first.body == b"good"
            assert len(names.asked) == 2

    asyncio.run(story())


def test_of_several_addresses_only_the_good_ones_are_asked() -> None:
    """X2: a mixed answer leads to the good address, and only there."""

    async def story() -> None:
        async with serving(saying(ok(b"good"))) as server:
            names = Names([("169.254.169.254", 80), ("fe80::1", 80), ("127.0.0.1", server.port)])
            async with Outbound(allow=["bank.internal"], resolver=names, deadline=SOON) as outbound:
                response = await outbound.send(Request("GET", "http://bank.internal/"))
            assert response.body == b"good"

    asyncio.run(story())


@pytest.mark.parametrize(
    "answers",
    [
        [("10.0.0.1", 443), ("192.168.0.1", 443)],
        [("127.0.0.1", 443), ("::1", 443), ("10.0.0.1", 443)],
    ],
)
def test_several_bad_addresses_are_a_refusal(answers: list[tuple[str, int]]) -> None:
    """X2: where all addresses are refused, the error says refused."""

    async def story() -> None:
        async with Outbound(resolver=Names(answers), deadline=SOON) as outbound:
            with pytest.raises(DestinationRefused):
                await outbound.send(Request("GET", "https://bank.example/"))

    asyncio.run(story())


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a server's TLS context with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path = folder / "server.pem"
    path.write_bytes(key.private_bytes(pem, private, plain) + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Even a named server must prove who it is once it speaks TLS."""

    async def story() -> None:
        async def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        listener = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=certificate(tmp_path))
        port = listener.sockets[0].getsockname()[1]
        try:
            async with Outbound(allow=["localhost"], deadline=5) as outbound:
                with pytest.raises(TransportFailure, match="certificate"):
                    await outbound.send(Request("GET", f"https://localhost:{port}/"))
        finally:
            listener.close()

    asyncio.run(story())


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
