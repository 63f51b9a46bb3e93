"""Rows of a database that the doctor looks into, put there one by one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, Grade
from penstock.db.connections import connections
from penstock.db.credentials import credentials
from penstock.db.lane import Database
from penstock.db.refresh_tokens import refresh_tokens
from penstock.db.sessions import sessions
from penstock.db.users import users
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.secret import Secret
from penstock.engine.seal import Seals
from penstock.settings import Profile, Settings
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from penstock.vault.source import LocalKey

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = Key(bytes((one * one + 7 * one) % 251 for one in range(32)))
Story = Callable[[sa.Connection], object]
HASH = "$2b$12$" + "x" * 53


def around(home: Path = Path("/nowhere"), **settings: Any) -> Around:
    """Return an installation in development, but for these settings."""
    return Around(Settings(home=home, **settings), NOW, LocalKey(KEY), Cipher(KEY))


def in_production(**settings: Any) -> Around:
    """Return an installation in production."""
    return around(profile=Profile.PRODUCTION, **settings)


def grades(findings: Any) -> list[Grade]:
    """Return how each finding stands; those that are not ok, and they alone, have a remedy."""
    found: list[Finding] = list(findings)
    assert all(bool(one.remedy) == (one.grade is not Grade.OK) for one in found), found
    return [one.grade for one in found]


def add(connection: sa.Connection, table: sa.Table, **values: Any) -> int:
    """Store a row; return its number."""
    done = connection.execute(table.insert().values(values).returning(*table.primary_key))
    return int(done.scalar_one())


def person(connection: sa.Connection, name: str = "ada", **different: Any) -> int:
    """Store a person."""
    values = {"username": name, "password_hash": HASH, "created_at": NOW, **different}
    return add(connection, users, **values)


def session(connection: sa.Connection, user_id: int, **different: Any) -> int:
    """Store a live session, which was used a minute ago."""
    values = {
        "user_id": user_id,
        "scope": "read",
        "address": "192.0.2.1",
        "agent": "",
        "created_at": NOW - timedelta(days=1),
        "used_at": NOW - timedelta(minutes=1),
        "expires_at": NOW + timedelta(days=29),
        **different,
    }
    return add(connection, sessions, **values)


def token(connection: sa.Connection, session_id: int, **different: Any) -> int:
    """Store a good refresh token."""
    values = {
        "session_id": session_id,
        "token_hash": "a" * 64,
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=29),
        **different,
    }
    return add(connection, refresh_tokens, **values)


def bank(connection: sa.Connection, owner_id: int, **different: Any) -> int:
    """Store a linked bank, whose consent is good for two months."""
    values = {
        "owner_id": owner_id,
        "connector": "sandbox",
        "consent": ConsentState.ACTIVE,
        "consent_expires_at": NOW + timedelta(days=60),
        "created_at": NOW - timedelta(days=9),
        **different,
    }
    return add(connection, connections, **values)


def linked(cipher_key: Key = KEY, moved_by: int = 0) -> Story:
    """Link a bank whose credentials are sealed for a connection, its own unless they are moved."""

    def story(connection: sa.Connection) -> None:
        owner = person(connection)
        number = bank(connection, owner)
        opened = Credentials(access=Secret("a"), refresh=Secret("r"), expires_at=None, scope="")
        sealed = Seals(Cipher(cipher_key)).seal(opened, number + moved_by, owner, plan=0, version=1)
        values = {name: getattr(sealed, name) for name in sealed.__slots__}
        connection.execute(credentials.insert().values(values | {"connection_id": number}))

    return story


def seen(
    store: Database, probe: Callable[..., Any], story: Story | None = None, at: Around | None = None
) -> list[Grade]:
    """Return what a probe sees after a story, which is forgotten again."""

    def told(connection: sa.Connection) -> list[Grade]:
        told_in = connection.begin_nested()
        if story:
            story(connection)
        found = grades(probe(connection, at or around()))
        told_in.rollback()
        return found

    return store.write_now(told)
