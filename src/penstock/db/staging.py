"""The temporary table in which a whole update stands before it is merged.

SQLite gets its rows by executemany, PostgreSQL by COPY. The last event of each id wins (sync.md 9).
`op` is 0 for a row that is told, 1 for one that is taken back, and 2 where an id is told of a row
that nobody can read: nothing is stored of it, but it is not gone.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

# What a provider says of a transaction, in the order of domain.transaction.TransactionSeen,
# without its account.
SEEN: Final = (
    "external_id", "status", "amount", "currency", "booked_on", "value_on", "authorized_on",
    "description", "counterparty", "category", "reference", "original_amount",
    "original_currency", "pending_external_id",
)  # fmt: skip
STAGED: Final = ("account_id", *SEEN)
_TYPES: Final = dict.fromkeys(("amount", "original_amount"), "numeric") | dict.fromkeys(
    ("booked_on", "value_on", "authorized_on"), "date"
)
TYPED: Final = ", ".join(
    ("account_id bigint", *(f"{name} {_TYPES.get(name, 'text')}" for name in SEEN))
)
"""The same columns with their types on PostgreSQL."""
MANY: Final = 5_000
"""So many rows are loaded into SQLite before they are indexed."""
_OF_IDS: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS temp.stage_ids ON stage (account_id, external_id)"
)
# Few rows name another one, or are taken back, and several statements ask for those alone.
_OF_FEW: Final = (
    "CREATE INDEX {}stage_links ON stage (account_id) WHERE pending_external_id IS NOT NULL",
    "CREATE INDEX {}stage_removals ON stage (account_id) WHERE op = 1",
)


class Batch(NamedTuple):
    """Rows as they are staged, packed (msgpack): upserts or removals, in the order they came."""

    removal: bool
    packed: bytes

    def rows(self) -> list[list[Any]]:
        """Return the rows as texts: (account, *SEEN), or (account, external_id) for removals."""
        rows = _DECODER.decode(self.packed)
        if b"E-" in self.packed and not self.removal:
            _write_out(rows)
        if b"\0" not in self.packed:
            return rows
        # PostgreSQL keeps no NUL in any text.
        return [[text and text.replace("\0", "\ufffd") for text in row] for row in rows]


_DECODER: Final = msgspec.msgpack.Decoder(list[list[str | None]])
_AMOUNTS: Final = (STAGED.index("amount"), STAGED.index("original_amount"))


def _write_out(rows: list[list[Any]]) -> None:
    """Write amounts without an exponent (a satoshi is packed as 1E-8): texts are added up."""
    for row in rows:
        for place in _AMOUNTS:
            if row[place] and "E" in row[place]:
                row[place] = format(Decimal(row[place]), "f")


@dataclass(frozen=True, slots=True)
class Into:
    """Where an update goes, and under which numbers."""

    owner_id: int
    accounts: Mapping[str, int]
    run_id: int
    change_number: int
    now: datetime
    today: date
    connection_id: int


def load(
    connection: sa.Connection,
    batches: Iterable[Batch],
    accounts: Mapping[str, int],
    unread: Sequence[tuple[int, str]] = (),
) -> int:
    """Load staged rows into the temporary table, the last event of each id winning; count them.

    `unread` are our account's number and the id of rows that cannot be read: whatever else is told
    of such an id wins. Raises KeyError for a row of an account that is not in `accounts`.
    """
    if connection.dialect.name == "postgresql":
        return _load_postgresql(connection, batches, accounts, unread)
    return _load_sqlite(connection, batches, accounts, unread)


def _load_sqlite(
    connection: sa.Connection,
    batches: Iterable[Batch],
    accounts: Mapping[str, int],
    unread: Sequence[tuple[int, str]],
) -> int:
    columns = ", ".join(f"{name} TEXT" for name in SEEN)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS stage (account_id INTEGER, {columns}, op INTEGER)"
    )
    cursor: Any = connection.connection.cursor()
    cursor.execute(_OF_IDS)
    for index in _OF_FEW:
        cursor.execute(index.format("IF NOT EXISTS temp."))
    cursor.execute("DELETE FROM stage")
    marks = ", ".join("?" * len(STAGED))
    upsert = f"INSERT OR REPLACE INTO stage ({', '.join(STAGED)}, op) VALUES ({marks}, 0)"  # noqa: S608 - our own column names
    of_id = "INSERT OR REPLACE INTO stage (account_id, external_id, op) VALUES (?, ?, {})"
    remove = of_id.format(1)
    cursor.executemany(of_id.format(2), unread)
    loaded = 0
    for batch in batches:
        rows = located(batch, accounts)
        cursor.executemany(remove if batch.removal else upsert, rows)
        if loaded < MANY <= loaded + len(rows):
            cursor.execute("DROP INDEX temp.stage_ids")
        loaded += len(rows)
    if loaded >= MANY:
        _index(cursor)
    cursor.execute("SELECT count(*) FROM stage")
    return int(cursor.fetchone()[0])


def _index(cursor: Any) -> None:  # noqa: ANN401 - the driver's
    """Index what was loaded without: sorted at once, many ids take half the time."""
    try:
        cursor.execute(_OF_IDS)
    except sqlite3.IntegrityError:  # there are several events of one id
        cursor.execute(
            "DELETE FROM stage WHERE rowid NOT IN"
            " (SELECT max(rowid) FROM stage GROUP BY account_id, external_id)"
        )
        cursor.execute(_OF_IDS)


def located(batch: Batch, accounts: Mapping[str, int]) -> list[list[Any]]:
    """Put our account numbers in the place of the provider's ids. Raises KeyError."""
    rows = batch.rows()
    for row in rows:
        row[0] = accounts[row[0]]
    return rows


def _load_postgresql(
    connection: sa.Connection,
    batches: Iterable[Batch],
    accounts: Mapping[str, int],
    unread: Sequence[tuple[int, str]],
) -> int:
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE stage (seq bigint, {TYPED}, op smallint NOT NULL) ON COMMIT DROP"
    )
    seq = 0
    empty = [None] * (len(SEEN) - 1)
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY stage (seq, {', '.join(STAGED)}, op) FROM STDIN") as copy:
        for seq, known in enumerate(unread, 1):
            copy.write_row((seq, *known, *empty, 2))
        for batch in batches:
            for row in located(batch, accounts):
                seq += 1
                copy.write_row((seq, *row, *(empty if batch.removal else ()), int(batch.removal)))
    folded = connection.exec_driver_sql(
        "DELETE FROM stage USING (SELECT account_id, external_id, max(seq) AS last FROM stage"
        " GROUP BY account_id, external_id HAVING count(*) > 1) AS d WHERE stage.account_id ="
        " d.account_id AND stage.external_id = d.external_id AND stage.seq < d.last"
    ).rowcount
    for index in _OF_FEW:
        cursor.execute(index.format(""))
    # Of fewer rows than usual, which for the planner is as good: it is a fifth of a merge else.
    cursor.execute("SET LOCAL default_statistics_target = 10; ANALYZE stage")
    return seq - folded


def clear(connection: sa.Connection) -> None:
    """Empty the temporary table (PostgreSQL drops it by itself at the commit)."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DELETE FROM stage")
