"""The HTTP client against names, addresses and certificates that are not what they say."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.domain.errors import DestinationRefused, TransportFailure
from penstock.domain.request import Request
from penstock.outbound.client import Outbound
from tests.outbound.servers import Names, ok, saying, serving

SOON: Final = 0.2


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
