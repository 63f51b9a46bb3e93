"""Statements that are run all the time, prepared once and handed to the driver as they are.

They are those of the quiet syncs, which find nothing new, and of which there are most, and those of
the list that programs ask for most. SQLAlchemy takes several times as long over each: here it only
writes the SQL, once, and says what a driver's error means.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor, Dialect

Row = tuple[Any, ...]
R = TypeVar("R")
Processes = Sequence[tuple[Any, Callable[[Any], Any]]]
"""What is done to values on their way: by name on the way in, by place on the way out."""


@dataclass(slots=True)
class _Made:
    """A statement in a database's language. `order` is that of its values, where they have one.

    `results` are known once it has run: they depend on what the database calls its types.
    """

    dialect: Dialect
    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]
    binds: Processes
    results: Processes | None = None


class Prepared:
    """One statement, whose values are all given by name. Raises what SQLAlchemy does.

    Rows are plain tuples; their values are as the types of the statement's columns say, and of a
    statement that is text, as the database keeps them.
    """

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}

    def write(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run it; return how many rows it wrote. Raises KeyError for a value that is missing."""
        return self._run(connection, values, lambda cursor, _: int(cursor.rowcount))

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Row]:
        """Run it; return all rows. Raises KeyError for a value that is missing."""
        return self._run(connection, values, self._read)

    def row(self, connection: sa.Connection, values: Mapping[str, Any]) -> Row | None:
        """Run it; return its row, or None where there is none. For what gives one at most.

        Raises KeyError for a value that is missing.
        """
        found = self.rows(connection, values)
        return found[0] if found else None

    def value(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any column's value
        """Do what `row` does for a single column; return its value, or None where there is none."""
        found = self.rows(connection, values)
        return found[0][0] if found else None

    def _run(
        self,
        connection: sa.Connection,
        values: Mapping[str, Any],
        take: Callable[[DBAPICursor, _Made], R],
    ) -> R:
        dialect = connection.dialect
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _make(self._statement, dialect)
        given: Any = {**made.fixed, **values}
        for name, process in made.binds:
            given[name] = process(given[name])
        if made.order is not None:
            given = tuple([given[name] for name in made.order])
        if not connection.in_transaction():
            connection.begin()  # as SQLAlchemy does: each begins by saying whose it is (wall.py)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(made.sql, given)
            return take(cursor, made)
        except dialect.loaded_dbapi.Error as error:
            refuse = connection._handle_dbapi_exception  # noqa: SLF001 - it knows dead connections
            refuse(error, made.sql, given, cursor, None)
        finally:
            cursor.close()

    def _read(self, cursor: DBAPICursor, made: _Made) -> list[Row]:
        if made.results is None:
            made.results = _results(self._statement, cursor, made.dialect)
        found = list(cursor.fetchall())
        return [_as_typed(row, made.results) for row in found] if made.results else found


def _as_typed(row: Row, results: Processes) -> Row:
    values = list(row)
    for place, process in results:
        values[place] = process(values[place])
    return tuple(values)


def _make(statement: sa.ClauseElement, dialect: Dialect) -> _Made:
    compiled: Any = statement.compile(dialect=dialect)
    kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
    processes = [(name, kind.bind_processor(dialect)) for name, kind in kinds.items()]
    return _Made(
        dialect,
        str(compiled),
        compiled.positiontup,
        {name: bind.value for name, bind in compiled.binds.items() if not bind.required},
        [(name, process) for name, process in processes if process is not None],
    )


def _results(statement: sa.ClauseElement, cursor: DBAPICursor, dialect: Dialect) -> Processes:
    """Return what is done to the values of which columns."""
    if not isinstance(statement, sa.SelectBase | sa.UpdateBase):
        return ()
    found = []
    described = cursor.description or ()
    columns = zip(statement.exported_columns, described, strict=True)
    for place, (column, (_, code, *_)) in enumerate(columns):
        process = column.type.dialect_impl(dialect).result_processor(dialect, code)
        if process is not None:
            found.append((place, process))
    return found
