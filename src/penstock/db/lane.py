"""Where the synchronous database meets the asynchronous program: small executors of our own.

A unit of work is a plain function of a connection. It runs whole, on a thread of its lane, inside
one transaction that the lane begins and commits (or rolls back where the function raises). It
cannot await anything, so no transaction is ever open while a bank thinks.

SQLite has one writer lane (BEGIN IMMEDIATE: a read that turns into a write would fail at once
otherwise) and two reader lanes; PostgreSQL four of each.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from penstock.db import sqlite_driver, wall

P = ParamSpec("P")
R = TypeVar("R")

Work = Callable[Concatenate[sa.Connection, P], R]
_WRITING: contextvars.ContextVar[sa.Connection | None] = contextvars.ContextVar(
    "writing", default=None
)


class Database:
    """A database and its lanes. `kind` is "sqlite" or "postgresql"."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.kind = engine.dialect.name
        sqlite = self.kind == "sqlite"
        self._apart = engine if sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        self._write = ThreadPoolExecutor(1 if sqlite else 4, thread_name_prefix="write-lane")
        self._read = ThreadPoolExecutor(2 if sqlite else 4, thread_name_prefix="read-lane")
        self._program = False

    @property
    def program(self) -> Self:
        """Return the same lanes for the program's own work, whoever's request caused it.

        What `read`, `glance` and `write` of it do is bound to nobody (wall.py).
        """
        same = copy(self)
        same._program = True  # noqa: SLF001 - our own
        return same

    async def read(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work(connection, ...)` in a transaction that only reads."""
        return await self._run(self._read, partial(self.read_now, work, *args, **kwargs))

    async def glance(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `read` does for a few short statements that stream nothing.

        On PostgreSQL each sees an instant of its own, as it does within a transaction of `read`;
        without one it is two trips to the server less.
        """
        return await self._run(
            self._read, lambda: _read_on(self._apart, lambda one: work(one, *args, **kwargs))
        )

    async def write(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work(connection, ...)` in a transaction and commit it; roll back if it raises."""
        return await self._run(self._write, partial(self.write_now, work, *args, **kwargs))

    async def write_to_disk(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `write` does; once it returns, no power cut takes it back.

        On SQLite one may take back the last commits of `write`, each of them whole.
        """
        return await self._run(self._write, partial(self._write_to_disk, work, *args, **kwargs))

    def read_now(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `read` does, on this thread; once more where the connection turns out dead.

        A pooled one is not asked each time whether it lives, and to read again changes nothing.
        """
        return _read_on(self.engine, lambda connection: work(connection, *args, **kwargs))

    def snapshot_now(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `read_now` does; all that is read is of one instant, however long it takes."""
        with self.engine.connect() as connection:
            if self.kind == "postgresql":
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            return work(connection, *args, **kwargs)

    def write_now(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `write` does, on this thread."""
        with self.engine.connect() as connection:
            return _write_on(connection, work, *args, **kwargs)

    @property
    def writing(self) -> sa.Connection | None:
        """The transaction of ours that writes on this very thread: who needs one joins it."""
        connection = _WRITING.get()
        return connection if connection is not None and connection.engine is self.engine else None

    def _write_to_disk(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            if not isinstance(driver, sqlite_driver.Connection):  # PostgreSQL always waits
                return _write_on(connection, work, *args, **kwargs)
            with driver.to_the_disk():
                return _write_on(connection, work, *args, **kwargs)

    async def _run(self, lane: ThreadPoolExecutor, call: Callable[[], R]) -> R:
        context = contextvars.copy_context()  # the request id goes along into the lane's log lines
        if self._program:
            context.run(wall.bind, None)
        work = asyncio.get_running_loop().run_in_executor(lane, context.run, call)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread cannot be stopped: wait for its transaction to end, then be cancelled.
            await asyncio.wait([work])
            raise

    def close(self) -> None:
        """Let the lanes finish and close every connection."""
        self._write.shutdown()
        self._read.shutdown()
        self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)


def _read_on(engine: sa.Engine, work: Callable[[sa.Connection], R]) -> R:
    try:
        with engine.connect() as connection:
            return work(connection)
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with engine.connect() as connection:
        return work(connection)


def _write_on(connection: sa.Connection, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    later: list[Callable[[], None]] = []
    writer = connection.execution_options(sqlite_begin="IMMEDIATE", after_commit=later)
    with writer.begin():
        token = _WRITING.set(writer)
        try:
            result = work(writer, *args, **kwargs)
        finally:
            _WRITING.reset(token)
    for call in later:
        call()
    return result


def after_commit(connection: sa.Connection, call: Callable[[], None]) -> None:
    """Call once the transaction of `write` that is open was committed; never if it is not.

    Outside of a lane nobody says when that is: then it is called at once.
    """
    later: list[Callable[[], None]] | None = connection.get_execution_options().get("after_commit")
    if later is None:
        call()
    else:
        later.append(call)
