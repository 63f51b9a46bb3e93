"""Credentials are stored sealed, and renewed by one process at a time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.db import credentials
from penstock.db.credentials import SealedCredentials
from tests.databases import Database, Databases
from tests.db.books import NOW, Books, open_books

TERM = timedelta(seconds=60)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    """Make one database for all of these tests: each makes a person of its own in it."""
    with databases.fresh() as database:
        yield database


def sealed(connection_id: int, version: int = 1) -> SealedCredentials:
    """Make credentials as the vault would give them."""
    return SealedCredentials(
        connection_id=connection_id,
        plan=0,
        access=f"v1.access.{version}",
        refresh=f"v1.refresh.{version}",
        expires_at=NOW,
        scope="accounts",
        version=version,
    )


def claim(
    books: Books, number: int, who: str, *, version: int = 1, after: timedelta = timedelta(0)
) -> bool:
    """Try to become the one who refreshes."""
    return books.database.write_now(
        credentials.claim_refresh,
        number,
        version=version,
        refresher=who,
        now=NOW + after,
        until=NOW + after + TERM,
    )


def find(books: Books, number: int) -> SealedCredentials | None:
    """Return what is stored."""
    return books.database.read_now(credentials.find, number)


def test_what_is_stored_comes_back(database: Database) -> None:
    """Credentials come back as they went in; newer ones take their place, wiped ones are gone."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        assert find(books, number) is None
        for one in (sealed(number), replace(sealed(number, 2), refresh=None, expires_at=None)):
            books.database.write_now(credentials.save, one)
            assert find(books, number) == one
        books.database.write_now(credentials.delete, number)
        assert find(books, number) is None


def test_one_refresher_at_a_time(database: Database) -> None:
    """sync.md 25: of all who know the same bad version, one may ask the bank."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "a")
        assert not claim(books, number, "b")
        assert not claim(books, number, "a"), "two tasks of one name would both ask"


def test_a_claim_of_a_dead_refresher_runs_out(database: Database) -> None:
    """sync.md 25: who died while asking blocks the others for a minute, not for ever."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "dead")
        assert not claim(books, number, "b", after=TERM)
        assert claim(books, number, "b", after=TERM + timedelta(microseconds=1))


def test_a_version_that_was_renewed_already_cannot_be_claimed(database: Database) -> None:
    """sync.md 25: who comes late finds a newer version, and nothing to refresh."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "a")
        assert books.database.write_now(credentials.save_refreshed, sealed(number, 2), version=1)
        assert not claim(books, number, "b", version=1)
        assert claim(books, number, "b", version=2), "the claim was not let go of"


def test_a_late_answer_never_replaces_a_newer_token(database: Database) -> None:
    """sync.md 25: whose claim ran out stores nothing over what another has stored since."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "slow")
        assert claim(books, number, "quick", after=2 * TERM)
        quick = sealed(number, 2)
        assert books.database.write_now(credentials.save_refreshed, quick, version=1)
        late = replace(quick, access="v1.access.late")
        assert not books.database.write_now(credentials.save_refreshed, late, version=1)
        assert find(books, number) == quick


def test_wiped_credentials_do_not_come_back(database: Database) -> None:
    """security.md O9: a refresh that ends after a disconnect stores nothing."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "a")
        books.database.write_now(credentials.delete, number)
        assert not books.database.write_now(
            credentials.save_refreshed, sealed(number, 2), version=1
        )
        assert find(books, number) is None


def test_only_the_refresher_lets_go(database: Database) -> None:
    """sync.md 25: a failed refresh frees its own claim, and nobody else's."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "a")
        books.database.write_now(credentials.release_refresh, number, refresher="b")
        assert not claim(books, number, "b")
        books.database.write_now(credentials.release_refresh, number, refresher="a")
        assert claim(books, number, "b")


def test_new_consent_frees_the_claim(database: Database) -> None:
    """sync.md 26: credentials that a renewal brings can be refreshed, whoever was at it before."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        books.database.write_now(credentials.save, sealed(number))
        assert claim(books, number, "a")
        books.database.write_now(credentials.save, sealed(number, 2))
        assert claim(books, number, "b", version=2)
