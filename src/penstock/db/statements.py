"""SQL that reads the same on SQLite and PostgreSQL, with what every statement of a merge needs."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class Statements:
    """Runs statements on one connection.

    `names` are put into the text ({accounts}): they are our own numbers and keywords, never a
    value that came from outside. `values` are bound (:since), each statement taking what it names.
    """

    def __init__(
        self, connection: sa.Connection, *, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        self._connection = connection
        self._names = names
        self._values = values

    @property
    def kind(self) -> str:
        """The kind of database: "sqlite" or "postgresql"."""
        return self._connection.dialect.name

    def make(self, table: str) -> None:
        """Make a temporary table, `name (columns…)`, which is empty at each transaction's begin.

        PostgreSQL must be told to: it never tidies up what is deleted from a temporary table.
        """
        forget = " ON COMMIT DELETE ROWS" if self.kind == "postgresql" else ""
        self.do(f"CREATE TEMP TABLE IF NOT EXISTS {table}{forget}")
        if not forget:
            self.do(f"DELETE FROM {table.partition(' ')[0]}")  # noqa: S608 - a name of ours

    def do(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement; return how many rows it wrote."""
        return self._execute(sql, values).rowcount

    def all(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Return every row of a query."""
        return list(self._execute(sql, values).fetchall())

    def one(self, sql: str) -> Any:  # noqa: ANN401 - a column's value may be anything
        """Return the first value of a query, or None."""
        return self._execute(sql, None).scalar()

    def _execute(self, sql: str, values: Mapping[str, Any] | None) -> sa.CursorResult[Any]:
        statement = sa.text(sql.format_map(self._names))
        given = {**self._values, **(values or {})}
        return self._connection.execute(
            statement, {name: given[name] for name in statement.compile().params}
        )
