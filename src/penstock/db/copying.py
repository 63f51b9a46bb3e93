"""Filling a table of PostgreSQL's by COPY, which refuses one that is behind the wall (wall.py).

There the rows go through a temporary table. A role that walks through the wall saves itself that.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


@contextmanager
def copying(connection: sa.Connection, table: str, columns: Sequence[str]) -> Iterator[Any]:
    """Give the driver's COPY into a table. Names are quoted already; raises the driver's errors."""
    cursor: Any = connection.connection.cursor()
    named = ", ".join(columns)
    if not cursor.execute("SELECT row_security_active(%s)", [table]).fetchone()[0]:
        with cursor.copy(f"COPY {table} ({named}) FROM STDIN") as copy:
            yield copy
        return
    cursor.execute(
        f"CREATE TEMP TABLE copied ON COMMIT DROP AS SELECT {named} FROM {table} WITH NO DATA"  # noqa: S608 - our own names
    )
    with cursor.copy(f"COPY copied ({named}) FROM STDIN") as copy:
        yield copy
    cursor.execute(f"INSERT INTO {table} ({named}) SELECT {named} FROM copied")  # noqa: S608 - our own names
    cursor.execute("DROP TABLE copied")
