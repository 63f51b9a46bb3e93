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
from penstock.db import links, revocations
from penstock.db.connections import connections
from penstock.db.lane import Database
from penstock.db.refreshes import RefreshOutcome, refreshes
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
    """O6: one that was written down hours ago, and never ended, wants attention."""

    def begun(hours_ago: int, outcome: RefreshOutcome, **different: object) -> Story:
        def story(connection: sa.Connection) -> None:
            asked = {"asked_at": NOW - timedelta(hours=hours_ago), "outcome": outcome}
            of = bank(connection, person(connection), **different)
            connection.execute(refreshes.insert().values(connection_id=of, version=1, **asked))

        return story

    asked, done = RefreshOutcome.ASKED, RefreshOutcome.OK
    assert seen(store, banks.cut_off) == [OK]
    assert seen(store, banks.cut_off, begun(5, done)) == [OK]
    assert seen(store, banks.cut_off, begun(0, asked)) == [OK]
    assert seen(store, banks.cut_off, begun(5, asked)) == [ATTENTION]
    assert seen(store, banks.cut_off, begun(5, asked, disconnected_at=NOW)) == [OK]


def test_what_the_bank_still_lets_in_is_seen(store: Database) -> None:
    """O9: a revocation that waits, or was given up, wants attention."""

    def waiting(connection: sa.Connection) -> int:
        return revocations.add(
            connection,
            owner_id=person(connection),
            connector="sandbox",
            plan=0,
            expires_at=None,
            now=NOW,
            next_at=NOW,
        )

    def given_up(connection: sa.Connection) -> None:
        revocations.give_up(connection, waiting(connection), failure="no")

    assert seen(store, banks.leftovers) == [OK]
    assert seen(store, banks.leftovers, waiting) == [OK, ATTENTION]
    assert seen(store, banks.leftovers, given_up) == [OK, ATTENTION]


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
