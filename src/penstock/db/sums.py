"""Exact sums of posted rows, for the tie-out (sync.md 30)."""

from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.domain.tieout import DaySum, Moved

_MOST_DIGITS: Final = 12  # of an amount's text: ten million such fit a 64-bit integer together


class _Sums(NamedTuple):
    """What is added up: the groups, and which rows."""

    by: str
    where: str

    @property
    def rows(self) -> str:
        return f"FROM transactions WHERE {self.where}"


def posted_sums(
    connection: sa.Connection, account_id: int, *, since: date = date.min
) -> dict[str, list[DaySum]]:
    """Add up an account's posted rows, by currency, day and the run that first saw them. Exact.

    Rows booked before `since` are left out, and cost nothing. What the person deleted or hid still
    moved money, and counts; what the bank took back does not.
    """
    found: dict[str, list[DaySum]] = {}
    for currency, day, run, amount in _summed(connection, _POSTED, account_id, since=since):
        found.setdefault(currency, []).append(DaySum(day, run, amount))
    return found


def moved_sums(
    connection: sa.Connection, account_id: int, *, before: date, run: int
) -> dict[str, list[Moved]]:
    """Add up the rows that moved after a run: listed late, dated to `before`; or taken back.

    Looks at every row of the account: only a difference is worth that.
    """
    found: dict[str, list[Moved]] = {}
    rows = _summed(connection, _MOVED, account_id, before=before, run=run)
    for currency, day, posted, gone, amount in rows:
        found.setdefault(currency, []).append(Moved(day, posted, gone, amount))
    return found


_POSTED: Final = _Sums(
    "currency, booked_on, posted_run_id",
    # A posted row is dated by the day on which it was booked, and by that there is an index.
    "account_id = :account AND dated_on >= :since AND status = 'posted' AND removed_at IS NULL"
    " AND posted_run_id IS NOT NULL",
)
_MOVED: Final = _Sums(
    "currency, booked_on, posted_run_id, CASE WHEN removed_at IS NULL THEN NULL ELSE last_run_id"
    " END",
    "account_id = :account AND status = 'posted' AND posted_run_id IS NOT NULL AND ("
    "(removed_at IS NULL AND dated_on <= :before AND posted_run_id > :run)"
    " OR (removed_at IS NOT NULL AND last_run_id > :run))",
)


def _summed(
    connection: sa.Connection, sums: "_Sums", account_id: int, **given: object
) -> list[tuple[Any, ...]]:
    """Return each group with the exact sum of its amounts; its second value is a day."""
    sqlite = connection.dialect.name == "sqlite"
    values: dict[str, object] = {"account": account_id}
    for name, value in given.items():
        values[name] = value.isoformat() if sqlite and isinstance(value, date) else value
    if not sqlite:
        query = f"SELECT {sums.by}, sum(amount) {sums.rows} GROUP BY {sums.by}"
        return [tuple(row) for row in connection.execute(sa.text(query), values)]
    found: list[tuple[Any, ...]] = []
    for row in connection.execute(
        sa.text(f"SELECT {sums.by}, {_UNITS} {sums.rows} GROUP BY {sums.by}, scale"), values
    ):
        *group, scale, units, longest = row
        if longest > _MOST_DIGITS:
            return _summed_long(connection, sums, values)
        found.append(
            (group[0], date.fromisoformat(group[1]), *group[2:], Decimal(units).scaleb(-scale))
        )
    return found


# Integers of equal scale are added by SQLite itself, forty times as fast as our exact_sum. One
# that is too long is left out: the sum would fail before its length could be looked at.
_UNITS: Final = (
    "CASE instr(amount, '.') WHEN 0 THEN 0 ELSE length(amount) - instr(amount, '.') END AS scale,"
    f" sum(CASE WHEN length(amount) <= {_MOST_DIGITS}"
    " THEN CAST(replace(amount, '.', '') AS INTEGER) END), max(length(amount))"
)


def _summed_long(
    connection: sa.Connection, sums: "_Sums", values: dict[str, object]
) -> list[tuple[Any, ...]]:
    query = f"SELECT {sums.by}, exact_sum(amount) {sums.rows} GROUP BY {sums.by}"
    return [
        (row[0], date.fromisoformat(row[1]), *row[2:-1], Decimal(row[-1]))
        for row in connection.execute(sa.text(query), values)
    ]
