"""Statements that are run all the time, prepared once: SQLAlchemy takes thrice as long over each.

They are those of the quiet syncs, which find nothing new, and of which there are most; and those of
the lists that programs ask for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect


@dataclass(frozen=True, slots=True)
class _Made:
    """A statement in a database's language. `order` is that of its values, where they have one."""

    sql: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]
    processes: Sequence[tuple[str, Callable[[Any], Any]]]


class Prepared:
    """One statement, whose values are all given by name. Raises what SQLAlchemy does.

    What it returns comes as the database keeps it: for counts, numbers and texts.
    """

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Run it. Raises KeyError for a value that is missing."""
        return connection.exec_driver_sql(*self._bound(connection.dialect, values))

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query, as `run` does, and as the tuples that the driver makes.

        SQLAlchemy takes longer to describe and wrap a page than the database does to find it.
        """
        sql, given = self._bound(connection.dialect, values)
        if not connection.in_transaction():
            connection.begin()  # never without: that is when it says whose it is (wall.py)
        driver: Any = connection.connection.driver_connection
        try:
            found: list[tuple[Any, ...]] = driver.execute(sql, given).fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            connection._handle_dbapi_exception(error, sql, given, None, None)  # noqa: SLF001 - nothing public makes its errors of the driver's, and drops what is dead
        return found

    def _bound(self, dialect: Dialect, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the statement in the database's language, and its values as the driver takes them.

        Raises KeyError.
        """
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _make(self._statement, dialect)
        given = {**made.fixed, **values}
        for name, process in made.processes:
            given[name] = process(given[name])
        if made.order is None:
            return made.sql, given
        return made.sql, tuple([given[name] for name in made.order])


def _make(statement: sa.ClauseElement, dialect: Dialect) -> _Made:
    compiled: Any = statement.compile(dialect=dialect)
    kinds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
    processes = [(name, kind.bind_processor(dialect)) for name, kind in kinds.items()]
    return _Made(
        str(compiled),
        compiled.positiontup,
        {name: bind.value for name, bind in compiled.binds.items() if not bind.required},
        [(name, process) for name, process in processes if process is not None],
    )
