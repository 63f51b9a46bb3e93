"""Certificates for a test of mutual TLS: an authority, a bank's, and one of ours."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=36_500)
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Papers:
    """An authority, and what it vouched for; all in PEM."""

    authority: str
    bank: tuple[str, str]
    ours: tuple[str, str]

    def tls(self) -> dict[str, str]:
        """Return what the bank serves with."""
        return {"cert": self.bank[0], "key": self.bank[1], "ca": self.authority}

    def trust(self, folder: Path, *, showing: bool = True) -> ssl.SSLContext:
        """Return a context that trusts the authority, and shows our certificate if it shall."""
        context = ssl.create_default_context(cadata=self.authority)
        if showing:
            paper = folder / "ours.pem"
            paper.write_text("".join(self.ours))
            context.load_cert_chain(paper)
        return context


def make_papers() -> Papers:
    """Make all of them anew."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Authority")
    authority = (
        _begun(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Papers(
        authority.public_bytes(serialization.Encoding.PEM).decode(),
        _vouched("bank", name, key),
        _vouched("penstock", name, key),
    )


def _vouched(who: str, authority: x509.Name, by: Key) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    paper = (
        _begun(_name(who), authority, key)
        .add_extension(here, critical=False)
        .add_extension(known, critical=False)
        .sign(by, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return paper.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _begun(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END)
    )


def _name(who: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
