"""Whether a schema is what the program declares, and PostgreSQL's indexes are whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from penstock.db.tables import metadata

# Others may keep tables and indexes of their own beside ours: the job engine does.
_OTHERS: Final = frozenset({"remove_table", "remove_index"})

_INVALID: Final = """
    SELECT name.relname FROM pg_index i
        JOIN pg_class name ON name.oid = i.indexrelid
        JOIN pg_namespace place ON place.oid = name.relnamespace
    WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
        AND place.nspname = current_schema()
    ORDER BY name.relname
"""


@contextmanager
def reading_only(connection: sa.Connection) -> Iterator[None]:
    """Let the database itself refuse whatever would write, while the block lasts."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield
        return
    connection.exec_driver_sql("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA query_only = OFF")


def differences(connection: sa.Connection) -> list[str]:
    """Return what our tables lack or have otherwise than the program declares."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[Any] = list(compare_metadata(context, metadata))
    changes = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return [_named(one) for one in changes if one[0] not in _OTHERS]


def invalid_indexes(connection: sa.Connection) -> list[str]:
    """Return the indexes that PostgreSQL keeps but does not use: their making failed."""
    if connection.dialect.name != "postgresql":
        return []
    return [str(name) for name in connection.exec_driver_sql(_INVALID).scalars()]


def _named(change: tuple[Any, ...]) -> str:
    """Say a change in words: `add column users.label`."""
    act, *about = change
    names = [_NAMED[type_](one) for one in about for type_ in _NAMED if isinstance(one, type_)]
    return f"{str(act).replace('_', ' ')} {'.'.join(name for name in names if name)}"


_NAMED: Final[dict[type, Callable[[Any], str]]] = {
    str: str,
    sa.Table: lambda table: str(table.name),
    sa.Column: lambda column: str(column.name),
    sa.Index: lambda index: f"{index.table.name} {index.name}",
    sa.Constraint: lambda rule: f"{rule.table.name} {rule.name}",
}
