"""What a run that is opened knows, though somebody else was at the connection a moment before."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import cursors, leases
from penstock.engine.opening import Bounds, Opening, open_run
from tests.databases import Database
from tests.db.books import NOW, open_books

MINUTE = timedelta(minutes=1)


class Meanwhile(Mapping[str, int]):
    """Caps that name no connector; something happens while one looks."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    def __getitem__(self, connector: str) -> int:
        self._happens()
        raise KeyError(connector)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.postgres
@pytest.mark.parametrize("left_by_the_dead", [False, True])
def test_a_run_knows_what_the_last_holder_stored(
    postgres_database: Database, *, left_by_the_dead: bool
) -> None:
    """sync.md 20: what is read before the lease counts only where nobody had it in between."""
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person())
        if left_by_the_dead:
            before = NOW - MINUTE
            books.database.write_now(leases.take, number, holder="dead", now=before, until=before)

        def sync(connection: sa.Connection) -> None:
            lease = leases.take(connection, number, holder="other", now=NOW, until=NOW + MINUTE)
            assert lease is not None
            leases.lock(connection, lease)
            cursors.save(connection, number, "all", "moved", now=NOW)
            leases.give_back(connection, lease)

        opening = Opening(
            connection_id=number,
            holder="me",
            trigger="person",
            request_id=None,
            from_start=False,
            now=NOW,
            until=NOW + MINUTE,
            bounds=Bounds(caps=Meanwhile(lambda: others.database.write_now(sync))),
        )
        opened = books.database.write_now(open_run, opening)
        assert opened is not None
        assert opened.known.cursors == {"all": "moved"}
