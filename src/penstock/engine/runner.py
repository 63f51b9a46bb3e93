"""Runs syncs inside this process: those that somebody asks for now, and those that are due.

What is due is a fact in the database, written in the transaction that made it so. A tick only
looks, and starts it: after a crash nothing is forgotten.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from penstock.db import connections, due, waiting, wall
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict, PenstockError
from penstock.domain.remedy import wait
from penstock.engine.drive import Sleep
from penstock.engine.opening import SCHEDULE, check_asks_a_bank, find_running
from penstock.engine.sync import Run, Syncer
from penstock.observe.log import context_of, get_logger
from penstock.observe.trace import span

GRACE: Final = 20.0
"""How many seconds a shutdown waits for syncs to end by themselves, before it abandons them."""

_ABANDONED: Final = 5.0
_AGAIN: Final = 0.5

log = get_logger(__name__)


@dataclass(slots=True)
class Runner:
    """The syncs of this process.

    At most `at_once` of what is due run at the same time; what somebody asks for may come on top,
    but never more of one provider than its cap. A process that does not `carry` starts nothing
    itself: what is asked for waits for a worker elsewhere.
    """

    syncer: Syncer
    database: Database
    clock: Clock
    at_once: int = 16
    carries: bool = True
    sleep: Sleep = asyncio.sleep
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _live: dict[int, Tally] = field(default_factory=dict)
    _from_start: set[int] = field(default_factory=set)
    _suspects: set[int] = field(default_factory=set)
    _waiting: dict[int, tuple[int, str]] = field(default_factory=dict)
    _starting: set[asyncio.Task[Run | None]] = field(default_factory=set)
    _usher: asyncio.Task[None] | None = None
    _stopping: bool = False

    async def sync_now(
        self,
        connection_id: int,
        *,
        trigger: str,
        from_start: bool = False,
        request_id: str | None = None,
    ) -> int:
        """Start a sync, or find the one that is running; return its run's number at once.

        A running one is followed by another, since it may have read past what you wait for. Where
        none can be started now (so many of this provider run as may, this process carries none, or
        it is stopping) the run waits, with a number already, for whoever is free first.

        Raises NotFound, and Conflict where the connection was disconnected, or where all is to be
        read `from_start` and the running one does not.
        """
        run = await self._start(
            connection_id, trigger=trigger, from_start=from_start, request_id=request_id
        )
        if run is not None:
            return run.run_id
        running = await self.database.glance(find_running, connection_id, now=self.clock())
        if running is not None:
            self._check_same(running, from_start=from_start)
            return running
        run_id, connector = await self.database.write(
            _queue,
            connection_id,
            trigger=trigger,
            request_id=request_id,
            from_start=from_start,
            clock=self.clock,
        )
        self._waiting[run_id] = connection_id, connector
        self._call_usher()
        return run_id

    def _check_same(self, running: int, *, from_start: bool) -> None:
        if from_start and running not in self._from_start:
            raise Conflict(
                "A sync is running already, and does not read from the start.",
                remedy=wait("Try again when it has ended."),
            )

    def live(self, run_id: int) -> Tally | None:
        """Return the counts of a run of this process, as they grow; None for any other run."""
        return self._live.get(run_id)

    async def wait(self, run_id: int) -> None:
        """Wait until a run of this process has ended."""
        task = self._tasks.get(run_id)
        if task is not None:
            await asyncio.wait([task])

    @property
    def full(self) -> bool:
        """Whether nothing more that is merely due may begin here now."""
        return len(self._tasks) >= self.at_once

    async def tick(self) -> int:
        """Start what is due, as far as there is room; return how many were started."""
        room = self.at_once - len(self._tasks)
        if room <= 0 or self._stopping:
            return 0
        found = await self.database.read(
            due.find, now=self.clock(), limit=room, room=self.syncer.bounds.room
        )
        started = 0
        for one in found:
            started += await self._start_due(one.connection_id) is not None
        return started

    async def carry(self, connection_id: int) -> None:
        """Sync a connection to the end, if it still is its turn."""
        if await self.database.glance(due.is_due, connection_id, now=self.clock()):
            run = await self._start_due(connection_id)
            if run is not None:
                await self.wait(run.run_id)

    async def stop(self, grace: float = GRACE) -> None:
        """Let running syncs end; abandon cleanly what does not within `grace` seconds.

        From here on nothing is started. What is to run once more, and what waits, is due in the
        database, and left to whoever comes next.
        """
        self._stopping = True
        if self._usher is not None:
            self._usher.cancel()
            await asyncio.wait([self._usher])
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        if self._starting:
            await asyncio.wait(self._starting, timeout=grace)
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=max(end - loop.time(), 0.0))
        for task in late:
            task.cancel()
        if late:  # closing them takes a moment; but nobody waits for a database that is away
            await asyncio.wait(late, timeout=_ABANDONED)

    async def _start_due(self, connection_id: int) -> Run | None:
        """Start what is due; one that cannot be started stops no other."""
        try:
            return await self._start(connection_id, trigger=SCHEDULE)
        except PenstockError as error:
            log.warning("worker.not_started", reason=error.message)
        except Exception:
            log.exception("worker.not_started")
        return None

    async def _start(
        self,
        connection_id: int,
        *,
        trigger: str,
        from_start: bool = False,
        request_id: str | None = None,
    ) -> Run | None:
        """Start a run, if it may; once begun it is carried, also where the caller is cancelled.

        Its lease and its record may be in the database already.
        """
        if self._stopping or not self.carries:
            return None
        starting = asyncio.create_task(
            self._start_here(
                connection_id, trigger=trigger, from_start=from_start, request_id=request_id
            )
        )
        self._starting.add(starting)
        starting.add_done_callback(self._started)
        return await asyncio.shield(starting)

    def _started(self, starting: asyncio.Task[Run | None]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled():
            starting.exception()  # whoever asked hears of it, if they still wait

    async def _start_here(
        self, connection_id: int, *, trigger: str, from_start: bool, request_id: str | None
    ) -> Run | None:
        run = await self.syncer.start(
            connection_id,
            trigger=trigger,
            from_start=from_start,
            request_id=request_id,
            suspects=not self._suspects,
        )
        if run is not None:
            self._begin(run)
        return run

    def _begin(self, run: Run) -> None:
        self._live[run.run_id] = run.tally
        self._waiting.pop(run.run_id, None)
        if run.from_start:
            self._from_start.add(run.run_id)
        if run.suspect:
            self._suspects.add(run.run_id)
        context = context_of(run.cause.request_id)
        task = asyncio.create_task(self._finish(run), name=f"sync-{run.run_id}", context=context)
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._end(run.run_id))

    def _end(self, run_id: int) -> None:
        self._tasks.pop(run_id, None)
        self._live.pop(run_id, None)
        self._from_start.discard(run_id)
        self._suspects.discard(run_id)

    async def _finish(self, run: Run) -> None:
        try:
            with span("sync") as syncing:
                syncing.note(connector=run.connection.connector)
                ending, again = await run.finish()
                syncing.note(outcome=ending.outcome.value)
            if again and not self._stopping:
                with contextlib.suppress(Conflict):
                    await self.sync_now(run.connection.id, trigger="again")
        except Exception:  # its end could not be recorded: the lease runs out, and it is due again
            log.exception("sync.not_closed")

    def _call_usher(self) -> None:
        """Have those that wait here started as soon as there is room, tick or no tick."""
        idle = self._usher is None or self._usher.done()
        if idle and self.carries and not self._stopping:
            context = context_of(None)
            context.run(wall.bind, None)  # it starts what others asked for too
            self._usher = asyncio.create_task(self._let_in(), name="usher", context=context)

    async def _let_in(self) -> None:
        while self._waiting:
            await self.sleep(_AGAIN)
            try:
                await self._try_each()
            except Exception:
                log.exception("worker.usher_failed")

    async def _try_each(self) -> None:
        """Start what waits; one that cannot be started, its cap reached say, holds no other up."""
        full: set[str] = set()
        for run_id, (connection_id, connector) in list(self._waiting.items()):
            if connector in full:
                continue
            if not await self.database.glance(due.is_due, connection_id, now=self.clock()):
                self._waiting.pop(run_id, None)  # another carries it, or it was ended
            elif await self._start_due(connection_id) is None:
                full.add(connector)
                if self._waiting.pop(run_id, None):  # behind the others: it may be its own fault
                    self._waiting[run_id] = connection_id, connector


def _queue(
    connection: sa.Connection,
    connection_id: int,
    *,
    trigger: str,
    request_id: str | None,
    from_start: bool,
    clock: Clock,
) -> tuple[int, str]:
    """Ask for a run that whoever is free carries out; return its number and its connector's name.

    Raises NotFound and Conflict.
    """
    row = connections.get(connection, connection_id)
    check_asks_a_bank(row)
    run_id = waiting.queue(
        connection,
        connection_id,
        trigger=trigger,
        request_id=request_id,
        from_start=from_start,
        now=clock(),
    )
    return run_id, row.connector
