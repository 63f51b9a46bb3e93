"""Links to banks: what waits, what ends, what should be gone: O2, O6, O7, O8, O9."""

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from cryptography import x509

from penstock import connectors as registry
from penstock.cli.doctor.security.around import Around, decoy
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, named, ok
from penstock.db import revocations
from penstock.db.connections import connections
from penstock.db.credentials import credentials
from penstock.db.links import links
from penstock.db.refreshes import RefreshOutcome, refreshes
from penstock.domain.consent import ConsentState
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret

_SOON: Final = timedelta(days=14)
_SETTLED_AFTER: Final = timedelta(hours=1)
_OVER: Final = timedelta(days=1)
_CERTIFICATE_SOON: Final = timedelta(days=30)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def verifiers(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """O2: no PKCE verifier outlives the link that it was for."""
    c = links.c
    over = sa.or_(c.used_at.is_not(None), c.expires_at < around.now - _OVER)
    query = sa.select(sa.func.count()).where(c.verifier.is_not(None), over)
    number = int(connection.execute(query).scalar_one())
    if number:
        remedy = "Keep `penstock serve` or `penstock worker` up: what ran out is wiped there."
        yield attention(f"{counted(number, 'verifier')} of links that are over", remedy)
    else:
        yield ok("no link that is over has kept its verifier")


def cut_off(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """O6: no refresh was written down, asked for, and never heard of again."""
    c = refreshes.c
    query = (
        sa.select(c.connection_id)
        .join_from(refreshes, connections)
        .where(
            c.outcome == RefreshOutcome.ASKED,
            c.asked_at < around.now - _SETTLED_AFTER,
            connections.c.disconnected_at.is_(None),
        )
        .distinct()
        .order_by(c.connection_id)
    )
    left = [public_id("con", one) for one in connection.execute(query).scalars()]
    if left:
        remedy = "Run `penstock sync` for them: each is settled, or asks for its consent."
        yield attention(f"a refresh was cut off: {named(left)}", remedy)
    else:
        yield ok("every refresh that was begun came to an end")


def consents(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """O7: who must renew a consent is known before the bank says no."""
    c = connections.c
    query = sa.select(c.id, c.consent, c.consent_expires_at).where(c.disconnected_at.is_(None))
    ended, ending, good = [], [], 0
    for number, state, until in connection.execute(query):
        if state not in (ConsentState.ACTIVE, ConsentState.EXPIRING):
            ended.append(public_id("con", number))
        elif until is not None and until < around.now + _SOON:
            ending.append(public_id("con", number))
        else:
            good += 1
    remedy = "Their people renew them: `penstock connect --renew`."
    if ended:
        yield attention(f"consent has ended: {named(ended)}", remedy)
    if ending:
        yield attention(f"consent ends within two weeks: {named(ending)}", remedy)
    if not ended and not ending:
        yield ok(f"{counted(good, 'consent')}, none of them ends soon")


def leftovers(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """O9: a connection that is gone has left nothing that opens the bank, here or there."""
    query = (
        sa.select(connections.c.id)
        .join_from(connections, credentials)
        .where(
            connections.c.disconnected_at.is_not(None),
            connections.c.owner_id != decoy(connection, around),
        )
    )
    left = [public_id("con", one) for one in connection.execute(query).scalars()]
    if left:
        remedy = "Disconnect them again, and report this: it is a bug."
        yield failed(f"what opens the bank is still there: {named(left)}", remedy)
    else:
        yield ok("every connection that is gone was wiped")
    for one in revocations.standing(connection):
        if one.waiting and one.since is not None:
            remedy = "It is tried again by itself, while `penstock serve` or a worker runs."
            found = f"{one.connector}: {counted(one.waiting, 'grant')} to be revoked yet"
            yield attention(f"{found}, since {one.since:%Y-%m-%d %H:%M}", remedy)
        if one.given_up:
            remedy = "Take our access away on the bank's own page of permissions."
            found = f"{one.connector}: {counted(one.given_up, 'grant')} never revoked"
            yield attention(f"{found}; we have forgotten them, the bank may not have", remedy)


def certificates(around: Around) -> Iterator[Finding]:
    """O8: the certificates that we show to banks are good, and their keys are ours alone."""
    options = around.settings.provider_options
    values = {name: Secret(value.get_secret_value()) for name, value in options.items()}
    shown = list(registry.certificates(values))
    for name, certificate, key in shown:
        yield of_certificate(name, Path(certificate), around.now)
        yield from of_key(name, Path(key or certificate))
    if not shown:
        yield ok("no bank that is set up wants a certificate of ours")


def of_certificate(name: str, path: Path, now: datetime) -> Finding:
    """O8: one certificate is good, and will be for a month."""
    try:
        until = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return failed(f"{name}: {path} cannot be read: {error}", "Give the path of a PEM file.")
    found = f"{name}: the certificate is good until {until:%Y-%m-%d}"
    remedy = "Ask who issued it for a new one, and tell the bank if it wants to know."
    if until <= now:
        return failed(f"{name}: the certificate ended on {until:%Y-%m-%d}", remedy)
    return attention(found, remedy) if until < now + _CERTIFICATE_SOON else ok(found)


def of_key(name: str, path: Path) -> Iterable[Finding]:
    """O8: nobody else on this machine can read the key of a certificate."""
    if os.name == "posix" and path.is_file() and path.stat().st_mode & _OTHERS:
        yield failed(f"{name}: others on this machine can read {path}", f"`chmod 600 {path}`.")
