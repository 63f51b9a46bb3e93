"""A small bank statement language for tests of the merge: rows in, counts and stored rows out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db import bulk, connections, feeds, leases
from penstock.db.accounts import accounts
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.runs import runs
from penstock.db.staging import Into
from penstock.db.sweeping import NOTHING_TOLD, Told
from penstock.db.transactions import transactions
from penstock.db.users import users
from penstock.domain.money import canonical
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Page
from penstock.engine.stage import Stage

DAY = date(2026, 11, 2)
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
DELTA = bulk.Feed(pairs_unlinked=True, sends_removals=True)
SILENT = bulk.Feed(pairs_unlinked=True, sends_removals=False)


def row(external_id: str, amount: str = "-10.00", **more: Any) -> TransactionSeen:
    """Make a posted transaction of account "a", of DAY unless `on` says otherwise."""
    on = more.pop("on", DAY)
    pending = more.pop("pending", False)
    fields: dict[str, Any] = {
        "account": "a",
        "external_id": external_id,
        "status": Status.PENDING if pending else Status.POSTED,
        "amount": canonical(Decimal(amount), "EUR"),
        "currency": "EUR",
        "booked_on": None if pending else on,
        "value_on": None,
        "authorized_on": on if pending else None,
        "description": f"Row {external_id}",
    }
    if "replaces" in more:
        fields["pending_external_id"] = more.pop("replaces")
    return TransactionSeen(**(fields | more))


@dataclass(slots=True)
class Ledger:
    """One account of one person, and the merges made into it."""

    database: Database
    owner_id: int
    connection_id: int
    accounts: dict[str, int]
    run: int = 0
    now: datetime = NOW
    stage_memory: int = 1 << 20
    log: list[bulk.Counts] = field(default_factory=list)

    def merge(
        self,
        upserts: Sequence[TransactionSeen] = (),
        removed: Sequence[str] = (),
        feed: bulk.Feed = DELTA,
    ) -> bulk.Counts:
        """Merge one page."""
        gone = [Removal("a", one) for one in removed]
        return self.merge_pages([Page(upserts, gone, None, more=False)], feed)

    def merge_pages(
        self, pages: Sequence[Page], feed: bulk.Feed = DELTA, told: Told = NOTHING_TOLD
    ) -> bulk.Counts:
        """Merge several pages as one update."""
        self.run += 1
        with Stage(self.stage_memory, reuses_ids=feed.reuses_ids) as stage:
            for page in pages:
                stage.add(page)
            counts = self.database.write_now(self._merge, stage, feed, told)
        self.log.append(counts)
        return counts

    def _merge(
        self, connection: sa.Connection, stage: Stage, feed: bulk.Feed, told: Told
    ) -> bulk.Counts:
        change = feeds.next_change(connection, self.owner_id)
        into = Into(
            self.owner_id,
            self.accounts,
            self.run,
            change,
            self.now,
            self.now.date(),
            self.connection_id,
        )
        return bulk.store(connection, stage.batches, into, feed, told)

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def rows(self, *, removed: bool = False) -> list[sa.Row[Any]]:
        """Return the stored rows in the order they were made, removed ones only if asked for."""
        query = transactions.select().order_by(transactions.c.id)
        if not removed:
            query = query.where(transactions.c.removed_at.is_(None))
        return self.database.read_now(lambda connection: list(connection.execute(query)))

    def ids(self) -> list[str]:
        """Return the provider's ids of the rows that stand."""
        return [one.external_id for one in self.rows()]

    def text(self, column: str) -> list[str | None]:
        """Return a column of every row as the database keeps it, read as a text."""
        query = sa.select(sa.cast(transactions.c[column], sa.Text())).order_by(transactions.c.id)
        raw = query.compile(dialect=self.database.engine.dialect)
        return self.database.read_now(
            lambda connection: [row[0] for row in connection.exec_driver_sql(str(raw))]
        )

    def edit(self, external_id: str, **values: object) -> None:
        """Write a person's columns."""
        statement = transactions.update().where(transactions.c.external_id == external_id)
        self.database.write_now(lambda connection: connection.execute(statement.values(values)))


@contextmanager
def ledger(url: str, *names: str) -> Iterator[Ledger]:
    """Open a ledger with accounts of these names ("a" if none is given)."""
    database = open_database(url)
    try:
        yield database.write_now(_begin, database, names or ("a",))
    finally:
        database.close()


def _begin(connection: sa.Connection, database: Database, names: Sequence[str]) -> Ledger:
    person = users.insert().values(username="ann", password_hash="", created_at=NOW)
    owner_id = connection.execute(person.returning(users.c.id)).scalar_one()
    feeds.open_feed(connection, owner_id)
    number = connections.create(connection, owner_id=owner_id, connector="sandbox", now=NOW)
    leases.open_lease(connection, number)
    ids = {}
    for name in names:
        account = accounts.insert().values(
            owner_id=owner_id,
            connection_id=number,
            external_id=name,
            name=name,
            type="checking",
            currency="EUR",
            active=True,
            created_at=NOW,
            change_number=0,
        )
        ids[name] = connection.execute(account.returning(accounts.c.id)).scalar_one()
    connection.execute(
        runs.insert().values(
            id=1,
            owner_id=owner_id,
            connection_id=number,
            trigger="test",
            started_at=NOW,
            outcome="running",
        )
    )
    return Ledger(database, owner_id, number, ids)
