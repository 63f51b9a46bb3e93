"""What `penstock doctor --security` sees of programs and of personal tokens, good and bad."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from penstock.cli.doctor.security import programs
from penstock.cli.doctor.security.finding import Grade
from penstock.db.clients import clients
from penstock.db.lane import Database
from penstock.db.personal_tokens import personal_tokens
from tests.cli.stored import NOW, Story, add, person, seen, session

OK, ATTENTION = Grade.OK, Grade.ATTENTION


@pytest.mark.parametrize(
    ("uris", "grade"),
    [
        ("https://app.example.org/back", OK),
        ("http://127.0.0.1/back http://[::1]/back", OK),
        ("org.example.app:/back", OK),
        ("https://app.example.org/back http://app.example.org/back", ATTENTION),
    ],
)
def test_an_address_in_the_clear_is_seen(store: Database, uris: str, grade: Grade) -> None:
    """C1: a program to which codes travel in plain HTTP wants attention."""
    values = {"id": "x", "name": "An app", "redirect_uris": uris, "scope": "read"}
    story = clients.insert().values(**values, created_at=NOW)
    assert seen(store, programs.addresses) == [OK]
    assert seen(store, programs.addresses, lambda c: c.execute(story)) == [grade]


def test_a_token_that_lies_about_is_seen(store: Database) -> None:
    """C6: unused for months, or able to do much for long, wants attention; ended, it does not."""

    def token(used: datetime | None, **of_session: object) -> Story:
        def story(connection: sa.Connection) -> None:
            owner = person(connection)
            of = session(connection, owner, **of_session)
            values = {"name": "backup", "token_hash": "h", "created_at": NOW - timedelta(days=200)}
            add(connection, personal_tokens, user_id=owner, session_id=of, used_at=used, **values)

        return story

    long = NOW + timedelta(days=300)
    assert seen(store, programs.personal) == [OK]
    assert seen(store, programs.personal, token(NOW)) == [OK]
    assert seen(store, programs.personal, token(None)) == [ATTENTION]
    assert seen(store, programs.personal, token(NOW - timedelta(days=100))) == [ATTENTION]
    assert seen(store, programs.personal, token(None, ended_at=NOW)) == [OK]
    assert seen(store, programs.personal, token(NOW, expires_at=long)) == [OK]
    mighty = token(NOW, expires_at=long, scope="read connect")
    assert seen(store, programs.personal, mighty) == [ATTENTION]
