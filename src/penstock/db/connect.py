"""How a database is opened: SQLite in WAL with exact sums, or PostgreSQL through psycopg 3."""

import re
import time
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from penstock.db import sqlite_driver, wall
from penstock.db.checkpoints import Checkpoints
from penstock.db.lane import Database
from penstock.domain.errors import InvalidInput

# 20 MB of pages: a large sync is the quicker the more there are, but each connection has its own.
_PRAGMAS = ("foreign_keys=ON", "synchronous=NORMAL", "cache_size=-20000")
_SCHEME = re.compile(r"([a-z][a-z0-9+]{1,19})://", re.ASCII)
_REST = 1.0  # seconds
_TURNS = 20
_SUM = Context(prec=60, traps=[Inexact, InvalidOperation])


class ExactSum:
    """The SQL aggregate `exact_sum(amount)`: adds canonical texts without losing a digit."""

    def __init__(self) -> None:
        self.total = Decimal(0)

    def step(self, value: str | None) -> None:
        """Add one amount; NULL counts as nothing."""
        if value is not None:
            self.total = _SUM.add(self.total, Decimal(value))

    def finalize(self) -> str:
        """Return the sum as text."""
        return format(self.total, "f")


def exact_compare(left: str | None, right: str | None) -> int | None:
    """The SQL function `exact_compare(a, b)`: -1, 0 or 1 for two amounts, to the last digit."""
    if left is None or right is None:
        return None
    return int(Decimal(left).compare(Decimal(right)))


def open_database(url: str) -> Database:
    """Open `sqlite:///PATH` or `postgresql+psycopg://…` (`postgresql://` means the same).

    Raises InvalidInput for any other kind of URL.
    """
    if url.startswith("sqlite:"):
        return Database(_sqlite(url))
    if url.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        return Database(_postgresql("postgresql+psycopg:" + url.partition(":")[2]))
    raise InvalidInput(
        f"PENSTOCK_DATABASE_URL begins with {scheme_of(url)!r}: "
        "use sqlite:///PATH or postgresql://USER@HOST/NAME."
    )


def scheme_of(url: str) -> str:
    """Return what a URL begins with, for a message; where it is no URL, it may be a secret."""
    found = _SCHEME.match(url)
    return found[1] if found else "…"


def _sqlite(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        module=sqlite_driver,
        connect_args={"timeout": 30},
        pool_size=8,
        max_overflow=4,
        hide_parameters=True,  # an error is logged: a person's rows are not
    )

    checkpoints = Checkpoints()

    @sa.event.listens_for(engine, "engine_disposed")
    def _close(_engine: sa.Engine) -> None:
        checkpoints.close()

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite_driver.Connection, _record: object) -> None:
        _write_ahead(connection)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.inner.set_wal_hook(checkpoints.after_commit)
        connection.create_function("exact_compare", 2, exact_compare, deterministic=True)
        connection.create_aggregate("exact_sum", 1, ExactSum)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        how: Any = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {how}")

    return engine


def _write_ahead(connection: sqlite_driver.Connection) -> None:
    """Let the file have a write-ahead log. Several who open a new file at once take turns.

    SQLite does not wait for others when it changes this, but it does to begin a transaction.
    """
    for _ in range(_TURNS):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite_driver.OperationalError:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            connection.rollback()
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL").fetchall()


def _postgresql(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=8,
        max_overflow=4,
        hide_parameters=True,
        connect_args={"options": "-c timezone=UTC -c lock_timeout=30s"},
    )
    _ping_after_a_rest(engine)
    wall.listen(engine)
    return engine


def _ping_after_a_rest(engine: sa.Engine, timer: Callable[[], float] = time.monotonic) -> None:
    """See that a pooled connection still lives, unless it did a moment ago.

    SQLAlchemy's own `pool_pre_ping` asks each time, which is a fifth of what a short read costs.
    """

    @sa.event.listens_for(engine, "checkin")
    def _note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = timer()

    @sa.event.listens_for(engine, "checkout")
    def _ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if timer() - record.info.get("rests_since", timer()) < _REST:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.InvalidatePoolError from error  # the pool then opens new ones
