"""Showing a certificate of ours to the one provider that wants it (mutual TLS)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.connectors import certificates
from penstock.domain.errors import InvalidInput, TransportFailure
from penstock.domain.request import Request
from penstock.domain.secret import Secret
from penstock.outbound.certificate import showing
from penstock.outbound.client import Outbound

PEM = serialization.Encoding.PEM
START = datetime(2026, 1, 1, tzinfo=UTC)


def made(folder: Path, name: str, password: bytes | None = None) -> tuple[str, str]:
    """Make a certificate that vouches for itself, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    locked = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    certificate, private = folder / f"{name}.pem", folder / f"{name}-key.pem"
    certificate.write_bytes(signed.public_bytes(PEM))
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked))
    return str(certificate), str(private)


@asynccontextmanager
async def strict_bank(folder: Path, guest: str) -> AsyncIterator[tuple[int, str]]:
    """Run a server that lets in whoever shows one certificate; yield its port, and its own."""
    own, key = made(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(guest)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        name = dict(pair[0] for pair in writer.get_extra_info("peercert")["subject"])["commonName"]
        body = str(name).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1], own
    finally:
        listener.close()


def test_a_certificate_is_shown_for_its_connector_alone(tmp_path: Path) -> None:
    """The bank knows who asks; for any other connector nothing is shown, and it shuts the door."""

    async def story() -> None:
        certificate, key = made(tmp_path, "us")
        async with strict_bank(tmp_path, certificate) as (port, banks_own):
            ours, nothing = showing(certificate, key), ssl.create_default_context()
            for context in (ours, nothing):
                context.load_verify_locations(banks_own)
            contexts = {"bank": ours, "other": nothing}
            async with Outbound(allow=["localhost"], deadline=10, showing=contexts) as outbound:
                request = Request("GET", f"https://localhost:{port}/")
                answer = await outbound.send(request, connector="bank")
                assert answer.body == b"us"
                with pytest.raises(TransportFailure):
                    await outbound.send(request, connector="other")

    asyncio.run(story())


def test_who_we_show_it_to_must_prove_itself(tmp_path: Path) -> None:
    """A certificate of ours makes nobody else's good."""

    async def story() -> None:
        certificate, key = made(tmp_path, "us")
        async with strict_bank(tmp_path, certificate) as (port, _):
            contexts = {"bank": showing(certificate, key)}
            async with Outbound(allow=["localhost"], deadline=10, showing=contexts) as outbound:
                with pytest.raises(TransportFailure, match="certificate"):
                    await outbound.send(
                        Request("GET", f"https://localhost:{port}/"), connector="bank"
                    )

    asyncio.run(story())


def test_files_that_cannot_be_used_are_named_at_once(tmp_path: Path) -> None:
    """Absent, no certificate, another's key, or a locked one: nobody is asked for a passphrase."""
    certificate, key = made(tmp_path, "us")
    _, anothers = made(tmp_path, "them")
    _, locked = made(tmp_path, "locked", b"secret")
    (tmp_path / "text").write_text("hello")
    for wrong in (("nowhere", ""), (str(tmp_path / "text"), ""), (certificate, anothers),
                  (certificate, locked), (certificate, "")):  # fmt: skip
        with pytest.raises(InvalidInput, match="cannot be used"):
            showing(*wrong)
    assert showing(certificate, key).verify_mode is ssl.CERT_REQUIRED


def test_what_is_set_says_who_shows_what() -> None:
    """Only who has a certificate, and only connectors that know what to do with one."""
    values = {
        "berlingroup_certificate": Secret("us.pem"),
        "berlingroup_certificate_key": Secret("us-key.pem"),
        "starling_certificate": Secret("no.pem"),
    }
    assert list(certificates(values)) == [("berlingroup", "us.pem", "us-key.pem")]
    assert list(certificates({})) == []
