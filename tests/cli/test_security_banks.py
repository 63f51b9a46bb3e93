"""What `penstock doctor --security` sees of links to banks, good and bad."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from penstock.cli.doctor.security import banks
from penstock.cli.doctor.security.finding import Grade
from penstock.db import links
from penstock.db.connections import connections
from penstock.db.credentials import credentials
from penstock.db.lane import Database
from penstock.domain.consent import ConsentState
from tests.cli.modes import posix
from tests.cli.stored import NOW, Story, around, bank, grades, linked, person, seen

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED


def test_a_leftover_verifier_is_seen(store: Database) -> None:
    """O2: one whose link is over wants attention; one that waits does not."""

    def link(**different: object) -> Story:
        values = {
            "state_hash": "s",
            "connector": "sandbox",
            "plan": 0,
            "verifier": "v1.x.y",
            "redirect_uri": "http://127.0.0.1/",
            "created_at": NOW,
            "expires_at": NOW + timedelta(minutes=10),
            **different,
        }
        return lambda c: links.create(c, {**values, "owner_id": person(c)})

    assert seen(store, banks.verifiers, link()) == [OK]
    assert seen(store, banks.verifiers, link(used_at=NOW)) == [ATTENTION]
    assert seen(store, banks.verifiers, link(used_at=NOW, verifier=None)) == [OK]
    assert seen(store, banks.verifiers, link(expires_at=NOW - timedelta(days=2))) == [ATTENTION]


def test_a_refresh_that_was_cut_off_is_seen(store: Database) -> None:
    """O6: who began to renew a token hours ago, and never ended, wants attention."""

    def begun(until: datetime | None) -> Story:
        def story(connection: sa.Connection) -> None:
            linked()(connection)
            refresher = "worker" if until else None
            values = {"refresher": refresher, "refresher_until": until}
            connection.execute(credentials.update().values(values))

        return story

    assert seen(store, banks.refreshes, begun(None)) == [OK]
    assert seen(store, banks.refreshes, begun(NOW + timedelta(minutes=1))) == [OK]
    assert seen(store, banks.refreshes, begun(NOW - timedelta(hours=5))) == [ATTENTION]


@pytest.mark.parametrize(
    ("different", "grade"),
    [
        ({}, OK),
        ({"consent_expires_at": None}, OK),
        ({"consent_expires_at": NOW + timedelta(days=3)}, ATTENTION),
        ({"consent": ConsentState.EXPIRED}, ATTENTION),
        ({"consent": ConsentState.EXPIRED, "disconnected_at": NOW}, OK),
    ],
)
def test_a_consent_that_ends_is_seen(
    store: Database, different: dict[str, object], grade: Grade
) -> None:
    """O7: what ended, or ends within two weeks, wants attention while it is linked."""
    assert seen(store, banks.consents, lambda c: bank(c, person(c), **different)) == [grade]


def test_a_leftover_token_is_seen(store: Database) -> None:
    """O9: what opens a bank that was disconnected is a failure."""

    def gone(connection: sa.Connection) -> None:
        linked()(connection)
        connection.execute(connections.update().values(disconnected_at=NOW))

    assert seen(store, banks.leftovers, linked()) == [OK]
    assert seen(store, banks.leftovers, gone) == [FAILED]


def certificate(path: Path, until: datetime) -> Path:
    """Write a certificate that ends at an instant."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "us")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=400))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_for_banks_that_ends_is_seen(tmp_path: Path) -> None:
    """O8: a month before its end it wants attention; ended, or not to be read, it is a failure."""

    def left(days: int) -> Grade:
        path = certificate(tmp_path / "us.pem", NOW + timedelta(days=days))
        return banks.of_certificate("a bank", path, NOW).grade

    assert [left(90), left(10), left(-1)] == [OK, ATTENTION, FAILED]
    assert banks.of_certificate("a bank", tmp_path / "none.pem", NOW).grade is FAILED
    assert grades(banks.certificates(around())) == [OK]


@posix
def test_a_key_for_banks_that_others_can_read_is_seen(tmp_path: Path) -> None:
    """O8: the key of a certificate is its owner's alone."""
    path = certificate(tmp_path / "us.pem", NOW + timedelta(days=90))
    path.chmod(0o600)
    option = {"berlingroup_certificate": str(path)}
    assert grades(banks.certificates(around(provider_options=option))) == [OK]
    path.chmod(0o644)
    assert grades(banks.certificates(around(provider_options=option))) == [OK, FAILED]
