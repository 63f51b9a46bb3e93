"""Every table's rows, out of one database and into another, whichever of the two kinds each is.

A value is what SQLite keeps of it: None, an integer, a real, a text or bytes. An amount is its
canonical text, an instant a text in UTC (db/metadata.py), a date `2026-11-22`, a truth 0 or 1.
PostgreSQL reads each of these back into the column's own type, so that rows move both ways.

The tables are those that the database has, in an order in which each comes after those that it
refers to; not the migrations' own, and not the job engine's: what is due is a fact of ours, and
no job is worth keeping.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.copying import copying
from penstock.db.metadata import instant_text
from penstock.domain.errors import InvalidInput

Value = int | float | str | bytes | None

_AT_ONCE: Final = 1000
_NOT_OURS: Final = ("alembic_version", "pgqueuer")


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's name and columns; `next_id` is the number that its next row would get, if known.

    A number that was ever given is not given again, even where its row is gone.
    """

    table: str
    columns: tuple[str, ...]
    next_id: int | None = None


def layouts(connection: sa.Connection) -> list[Layout]:
    """Return the tables that there are, each after those that it refers to."""
    return [
        Layout(
            str(table.name),
            tuple(str(column.name) for column in table.columns),
            _next(connection, table),
        )
        for table in _tables(connection)
    ]


def rows(connection: sa.Connection, layout: Layout) -> Iterator[list[Value]]:
    """Yield a table's rows, a few of them in memory at a time."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in layout.columns]
    query: sa.Select[*tuple[Any, ...]] = sa.select(*columns).select_from(sa.table(layout.table))
    streaming = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
    for row in streaming.execute(query):
        yield [_neutral(value) for value in row]


def tables(connection: sa.Connection) -> dict[str, sa.Table]:
    """Return the tables that there are, by name, for `load`."""
    return {str(table.name): table for table in _tables(connection)}


def load(
    connection: sa.Connection,
    known: Mapping[str, sa.Table],
    layout: Layout,
    found: Iterable[Sequence[Value]],
) -> int:
    """Put rows into that one of the `known` tables, and count them; what stood in it is replaced.

    Raises InvalidInput where there is no such table, or no such columns in it.
    """
    table = known.get(layout.table)
    if table is None or not {*layout.columns} <= {*table.columns.keys()}:
        raise InvalidInput(f"This schema has no table {layout.table} with these columns.")
    connection.execute(table.delete())
    fill = _copy if connection.dialect.name == "postgresql" else _insert
    count = fill(connection, layout, found)
    if connection.dialect.name == "postgresql":
        _go_on_counting(connection, table, layout.next_id or 1)
    return count


def is_empty(connection: sa.Connection) -> bool:
    """Say whether the database has no table at all."""
    return not sa.inspect(connection).get_table_names()


def orphans(connection: sa.Connection) -> list[str]:
    """Return tables with rows that refer to what is not there. PostgreSQL allows none."""
    if connection.dialect.name == "postgresql":
        return []
    return [str(one[0]) for one in connection.exec_driver_sql("PRAGMA foreign_key_check")]


def _tables(connection: sa.Connection) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if not table.name.startswith(_NOT_OURS)]


def _neutral(value: Any) -> Value:  # noqa: ANN401 - what a driver gives is any column's value
    shape = _SHAPES.get(type(value))
    return shape(value) if shape else value


_SHAPES: Final[dict[type, Callable[[Any], Value]]] = {
    bool: int,
    datetime: instant_text,
    date: date.isoformat,
    Decimal: lambda value: format(value, "f"),
    memoryview: bytes,
}


def _insert(connection: sa.Connection, layout: Layout, found: Iterable[Sequence[Value]]) -> int:
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    statement = (
        f"INSERT INTO {_quoted(connection, layout.table)} ({_columns(connection, layout)}) "
        f"VALUES ({', '.join('?' for _ in layout.columns)})"
    )
    count = 0
    waiting = iter(found)
    while some := [tuple(row) for row in islice(waiting, _AT_ONCE)]:
        connection.exec_driver_sql(statement, some)
        count += len(some)
    return count


def _copy(connection: sa.Connection, layout: Layout, found: Iterable[Sequence[Value]]) -> int:
    count = 0
    columns = [_quoted(connection, name) for name in layout.columns]
    with copying(connection, _quoted(connection, layout.table), columns) as copy:
        for row in found:
            # PostgreSQL keeps no NUL in any text.
            copy.write_row(
                [one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in row]
            )
            count += 1
    return count


def _next(connection: sa.Connection, table: sa.Table) -> int | None:
    column = table.autoincrement_column
    if column is None:
        return None
    if connection.dialect.name == "postgresql":
        counter = _counter(connection, table, column)
        if counter is None:
            return None
        state = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {counter}").one()
        return int(state.last_value) + int(state.is_called)
    return _highest(connection, column) + 1


def _go_on_counting(connection: sa.Connection, table: sa.Table, least: int) -> None:
    column = table.autoincrement_column
    counter = _counter(connection, table, column) if column is not None else None
    if column is None or counter is None:
        return
    following = max(_highest(connection, column) + 1, least)
    connection.execute(sa.select(sa.func.setval(counter, following, sa.false())))


def _highest(connection: sa.Connection, column: sa.Column[Any]) -> int:
    query = sa.select(sa.func.coalesce(sa.func.max(column), 0))
    return int(connection.execute(query).scalar_one())


def _counter(connection: sa.Connection, table: sa.Table, column: sa.Column[Any]) -> str | None:
    name = sa.func.pg_get_serial_sequence(_quoted(connection, table.name), column.name)
    found: str | None = connection.execute(sa.select(name)).scalar_one()
    return found


def _columns(connection: sa.Connection, layout: Layout) -> str:
    return ", ".join(_quoted(connection, name) for name in layout.columns)


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
