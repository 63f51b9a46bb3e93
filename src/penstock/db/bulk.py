"""The merge: a whole update goes into a temporary table, and from there into `transactions`.

Everything here runs inside the caller's one transaction. SQLite gets its rows by executemany,
PostgreSQL by COPY; from there on the statements are the same. Nothing is written for a row that
did not change, and the counts are exact (sync.md 7, 9-12).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db.metadata import instant_text
from penstock.domain.pairing import PENDING_DAYS, Candidate, pair

# What a provider says of a transaction, in the order of domain.transaction.TransactionSeen,
# without its account: the columns that decide whether a row changed.
SEEN: Final = (
    "external_id", "status", "amount", "currency", "booked_on", "value_on", "authorized_on",
    "description", "counterparty", "category", "reference", "original_amount",
    "original_currency", "pending_external_id",
)  # fmt: skip
_COMPARED: Final = SEEN[1:]
_STAGED: Final = ("account_id", *SEEN)
_DATED: Final = "coalesce(booked_on, authorized_on, value_on, {today})"


class Batch(NamedTuple):
    """Rows as they are staged: texts in the order (account, *SEEN), or (account, external_id)."""

    removal: bool
    rows: list[list[str | None]]


@dataclass(frozen=True, slots=True)
class Feed:
    """How a provider's feed behaves, where the merge has to know.

    `pairs_unlinked`: pending rows become posted ones without being named. `sends_removals`: a
    row that is gone is said to be gone.
    """

    pairs_unlinked: bool
    sends_removals: bool


@dataclass(frozen=True, slots=True)
class Into:
    """Where an update goes, and under which numbers."""

    owner_id: int
    accounts: Mapping[str, int]
    run_id: int
    change_number: int
    now: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Counts:
    """What a merge did. See sync.md, "Counts"."""

    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    paired: int = 0


def load(connection: sa.Connection, batches: Iterable[Batch], accounts: Mapping[str, int]) -> int:
    """Load staged rows into the temporary table, the last event of each id winning; count them.

    Raises KeyError for a row of an account that is not in `accounts`.
    """
    if connection.dialect.name == "postgresql":
        return _load_postgresql(connection, batches, accounts)
    return _load_sqlite(connection, batches, accounts)


def _load_sqlite(
    connection: sa.Connection, batches: Iterable[Batch], accounts: Mapping[str, int]
) -> int:
    columns = ", ".join(f"{name} TEXT" for name in SEEN)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS stage (account_id INTEGER, {columns}, op INTEGER NOT NULL"
        ", paired INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (account_id, external_id)) WITHOUT ROWID"
    )
    connection.exec_driver_sql("DELETE FROM stage")
    cursor: Any = connection.connection.cursor()
    marks = ", ".join("?" * len(_STAGED))
    upsert = f"INSERT OR REPLACE INTO stage ({', '.join(_STAGED)}, op) VALUES ({marks}, 0)"
    remove = "INSERT OR REPLACE INTO stage (account_id, external_id, op) VALUES (?, ?, 1)"
    for batch in batches:
        cursor.executemany(remove if batch.removal else upsert, _located(batch, accounts))
    cursor.execute("SELECT count(*) FROM stage")
    return int(cursor.fetchone()[0])


def _located(batch: Batch, accounts: Mapping[str, int]) -> list[list[Any]]:
    rows: list[list[Any]] = batch.rows  # type: ignore[assignment]
    for row in rows:
        row[0] = accounts[row[0]]
    return rows


def _load_postgresql(
    connection: sa.Connection, batches: Iterable[Batch], accounts: Mapping[str, int]
) -> int:
    types = {"amount": "numeric", "original_amount": "numeric"}
    types |= dict.fromkeys(("booked_on", "value_on", "authorized_on"), "date")
    columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in SEEN)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE stage (seq bigint, account_id bigint, {columns}, op smallint NOT NULL"
        ", paired boolean NOT NULL DEFAULT false) ON COMMIT DROP"
    )
    seq = 0
    empty = [None] * (len(SEEN) - 1)
    cursor: Any = connection.connection.cursor()
    with cursor.copy(f"COPY stage (seq, {', '.join(_STAGED)}, op) FROM STDIN") as copy:
        for batch in batches:
            for row in _located(batch, accounts):
                seq += 1
                copy.write_row((seq, *row, *(empty if batch.removal else ()), int(batch.removal)))
    folded = connection.exec_driver_sql(
        "DELETE FROM stage USING (SELECT account_id, external_id, max(seq) AS last FROM stage"
        " GROUP BY account_id, external_id HAVING count(*) > 1) AS d WHERE stage.account_id ="
        " d.account_id AND stage.external_id = d.external_id AND stage.seq < d.last"
    ).rowcount
    connection.exec_driver_sql("ANALYZE stage")
    return seq - folded


def clear(connection: sa.Connection) -> None:
    """Empty the temporary table (PostgreSQL drops it by itself at the commit)."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DELETE FROM stage")


class Merge:
    """One merge of the staged rows, inside the caller's transaction."""

    def __init__(self, connection: sa.Connection, into: Into, feed: Feed) -> None:
        self.connection = connection
        self.into = into
        self.feed = feed
        sqlite = connection.dialect.name == "sqlite"
        self._differs = "IS NOT" if sqlite else "IS DISTINCT FROM"
        self._true, self._false = ("1", "0") if sqlite else ("true", "false")
        self._values: dict[str, Any] = {
            "owner": into.owner_id,
            "run": into.run_id,
            "change": into.change_number,
            "now": instant_text(into.now) if sqlite else into.now,
            "today": into.today.isoformat() if sqlite else into.today,
            "since": self._day(into.today - timedelta(days=PENDING_DAYS)),
        }
        self._dated = _DATED.format(today=":today" if sqlite else "CAST(:today AS date)")
        self._accounts = "(" + ", ".join(str(int(n)) for n in into.accounts.values()) + ")"

    def run(self, staged: int) -> Counts:
        """Pair, change, insert and remove; return what was done. `staged` rows are loaded."""
        fresh = not self._one(
            f"SELECT 1 FROM transactions WHERE account_id IN {self._accounts} LIMIT 1"
        )
        if not staged:
            return Counts(removed=0 if fresh else self._expire())
        paired = 0
        if not fresh:
            self._drop_superseded()
            paired = self._pair()
        self._drop_linked_pendings()
        upserts = self._one("SELECT count(*) FROM stage WHERE op = 0") or 0
        changed = 0 if fresh else self._change()
        inserted = self._insert() if fresh or changed < upserts else 0
        self._remember_links()
        removed = 0 if fresh else self._remove() + self._expire()
        return Counts(
            inserted=inserted,
            changed=changed - paired,
            unchanged=upserts - inserted - changed,
            removed=removed,
            paired=paired,
        )

    # Pairing (sync.md 7, 9, 10, 11) ------------------------------------------------------------

    def _drop_superseded(self) -> None:
        """Forget events for ids that a transaction had before."""
        self._do(
            f"DELETE FROM stage WHERE (account_id, external_id) IN (SELECT account_id, external_id"
            f" FROM aliases WHERE account_id IN {self._accounts})"
        )

    def _pair(self) -> int:
        pairs = self._linked_pairs()
        taken = {pending for pending, _, _ in pairs}
        if self.feed.pairs_unlinked:
            posted = {(account, external_id) for _, account, external_id in pairs}
            pairs += [
                found for found in self._unlinked_pairs(taken) if (found[1], found[2]) not in posted
            ]
        for pending, account, external_id in pairs:
            self._take_over(pending, account, external_id)
        return len(pairs)

    def _linked_pairs(self) -> list[tuple[int, int, str]]:
        """Find stored pending rows that a staged posted row names as its own beginning."""
        rows = self._all(
            "SELECT t.id, s.account_id, s.external_id FROM stage s JOIN transactions t"
            " ON t.account_id = s.account_id AND t.external_id = s.pending_external_id"
            " WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NOT NULL"
            " AND t.status = 'pending' AND NOT EXISTS (SELECT 1 FROM transactions k"
            " WHERE k.account_id = s.account_id AND k.external_id = s.external_id)"
            " ORDER BY t.id, s.external_id"
        )
        first = {row[0]: (row[0], row[1], row[2]) for row in reversed(rows)}
        return list(first.values())

    def _unlinked_pairs(self, taken: set[int]) -> list[tuple[int, int, str]]:
        """Find pairs that are certain by account, amount and day alone."""
        gone = (
            "(t.removed_at IS NOT NULL OR EXISTS (SELECT 1 FROM stage r WHERE r.op = 1 AND"
            " r.account_id = t.account_id AND r.external_id = t.external_id))"
            if self.feed.sends_removals
            else "NOT EXISTS (SELECT 1 FROM stage r WHERE r.op = 0 AND"
            " r.account_id = t.account_id AND r.external_id = t.external_id)"
        )
        pendings = self._all(
            "SELECT t.id, t.account_id, t.external_id, t.amount, t.currency, t.dated_on"
            f" FROM transactions t WHERE t.account_id IN {self._accounts} AND t.status = 'pending'"
            f" AND t.dated_on >= :since AND {gone}"
        )
        pendings = [row for row in pendings if row[0] not in taken]
        if not pendings:
            return []
        posted = self._all(
            f"SELECT 0, s.account_id, s.external_id, s.amount, s.currency, {self._dated}"
            " FROM stage s WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM transactions k WHERE k.account_id = s.account_id"
            " AND k.external_id = s.external_id)"
            f" AND (s.account_id, s.amount) IN (SELECT account_id, amount FROM transactions"
            f" WHERE account_id IN {self._accounts} AND status = 'pending')"
        )
        found = pair([_candidate(row) for row in pendings], [_candidate(row) for row in posted])
        return [
            (pending.row_id, posted.account_id, posted.external_id) for pending, posted in found
        ]

    def _take_over(self, pending: int, account: int, external_id: str) -> None:
        """Give a stored pending row the id of the posted one: the merge then changes it in place."""
        values = {"pending": pending, "account": account, "id": external_id}
        self._do(
            "INSERT INTO aliases (account_id, external_id, transaction_id) SELECT account_id,"
            " external_id, id FROM transactions WHERE id = :pending ON CONFLICT DO NOTHING",
            values,
        )
        self._do(
            "DELETE FROM stage WHERE account_id = :account AND external_id ="
            " (SELECT external_id FROM transactions WHERE id = :pending)",
            values,
        )
        self._do("UPDATE transactions SET external_id = :id WHERE id = :pending", values)
        self._do(
            f"UPDATE stage SET paired = {self._true} WHERE account_id = :account"
            " AND external_id = :id",
            values,
        )

    def _drop_linked_pendings(self) -> None:
        """Forget staged pendings whose posted row came in the same update: they never existed."""
        self._do(
            "DELETE FROM stage WHERE (account_id, external_id) IN (SELECT account_id,"
            " pending_external_id FROM stage WHERE op = 0 AND status = 'posted'"
            " AND pending_external_id IS NOT NULL) AND (status = 'pending' OR op = 1)"
            " AND NOT EXISTS (SELECT 1 FROM transactions k WHERE k.account_id = stage.account_id"
            " AND k.external_id = stage.external_id AND op = 1)"
        )

    def _remember_links(self) -> None:
        """Keep the ids of pendings that posted rows name, so that late events for them do nothing."""
        self._do(
            "INSERT INTO aliases (account_id, external_id, transaction_id)"
            " SELECT s.account_id, s.pending_external_id, min(t.id) FROM stage s JOIN transactions t"
            " ON t.account_id = s.account_id AND t.external_id = s.external_id"
            " WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM transactions k WHERE k.account_id = s.account_id"
            " AND k.external_id = s.pending_external_id)"
            " GROUP BY s.account_id, s.pending_external_id ON CONFLICT DO NOTHING"
        )

    # Writing -----------------------------------------------------------------------------------

    def _change(self) -> int:
        """Write the rows that are known and differ. A removed row that comes back revives."""
        sets = ", ".join(f"{name} = s.{name}" for name in _COMPARED)
        stored = ", ".join(f"t.{name}" for name in _COMPARED)
        staged = ", ".join(f"s.{name}" for name in _COMPARED)
        dated = self._dated_of("s")
        return self._do(
            f"UPDATE transactions AS t SET {sets}, dated_on = {dated}, removed_at = NULL,"
            " posted_run_id = CASE WHEN s.status = 'pending' THEN NULL WHEN t.status = 'pending'"
            " THEN :run ELSE t.posted_run_id END,"
            " last_run_id = :run, updated_at = :now, change_number = :change FROM stage s"
            " WHERE s.op = 0 AND t.account_id = s.account_id AND t.external_id = s.external_id"
            f" AND (t.removed_at IS NOT NULL OR ({stored}) {self._differs} ({staged}))"
        )

    def _insert(self) -> int:
        names = ", ".join(SEEN)
        return self._do(
            f"INSERT INTO transactions (owner_id, account_id, {names}, dated_on, posted_run_id,"
            " first_run_id, last_run_id, created_at, updated_at, change_number, hidden)"
            f" SELECT :owner, account_id, {names}, {self._dated},"
            " CASE status WHEN 'posted' THEN :run END, :run, :run, :now, :now, :change,"
            f" {self._false} FROM stage WHERE op = 0 ON CONFLICT (account_id, external_id) DO NOTHING"
        )

    def _remove(self) -> int:
        """Mark what the provider took back. What was never known does nothing (sync.md 7)."""
        return self._do(
            "UPDATE transactions SET removed_at = :now, last_run_id = :run, updated_at = :now,"
            " change_number = :change WHERE removed_at IS NULL AND (account_id, external_id) IN"
            " (SELECT account_id, external_id FROM stage WHERE op = 1)"
        )

    def _expire(self) -> int:
        """Let pendings end that a feed without removals stopped speaking of (sync.md 10)."""
        if self.feed.sends_removals:
            return 0
        return self._do(
            "UPDATE transactions SET removed_at = :now, last_run_id = :run, updated_at = :now,"
            f" change_number = :change WHERE account_id IN {self._accounts} AND status = 'pending'"
            " AND removed_at IS NULL AND dated_on < :since AND NOT EXISTS (SELECT 1 FROM stage s"
            " WHERE s.op = 0 AND s.account_id = transactions.account_id"
            " AND s.external_id = transactions.external_id)"
        )

    def _dated_of(self, table: str) -> str:
        dated = self._dated
        for name in ("booked_on", "authorized_on", "value_on"):
            dated = dated.replace(name, f"{table}.{name}")
        return dated

    def _day(self, day: date) -> Any:
        return day.isoformat() if self.connection.dialect.name == "sqlite" else day

    def _do(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        return self._execute(sql, values).rowcount

    def _all(self, sql: str) -> list[Any]:
        return list(self._execute(sql).fetchall())

    def _one(self, sql: str) -> Any:
        return self._execute(sql).scalar()

    def _execute(self, sql: str, values: Mapping[str, Any] | None = None) -> sa.CursorResult[Any]:
        given = {**self._values, **(values or {})}
        statement = sa.text(sql)
        return self.connection.execute(
            statement, {name: given[name] for name in statement.compile().params}
        )


def _candidate(row: Any) -> Candidate:
    row_id, account_id, external_id, amount, currency, day = row
    dated_on = date.fromisoformat(day) if isinstance(day, str) else day
    return Candidate(row_id, account_id, external_id, str(amount), currency, dated_on)
