"""Runs syncs inside this process: those that somebody asks for now, and those that are due.

What is due is a fact in the database, written in the transaction that made it so. A tick only
looks, and starts it: after a crash nothing is forgotten.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

from penstock.db import connections, runs
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict, PenstockError
from penstock.domain.remedy import wait
from penstock.engine.record import SCHEDULE
from penstock.engine.sync import Run, Syncer
from penstock.observe.log import get_logger

GRACE: Final = 20.0
"""How many seconds a shutdown waits for syncs to end by themselves, before it abandons them."""

_LOOKS: Final = 3

log = get_logger(__name__)


@dataclass(slots=True)
class Runner:
    """The syncs of this process, at most `at_once` of them at the same time."""

    syncer: Syncer
    database: Database
    clock: Clock
    at_once: int = 4
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _live: dict[int, Tally] = field(default_factory=dict)
    _from_start: set[int] = field(default_factory=set)
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

        A running one is followed by another, since it may have read past what you wait for.
        Raises NotFound, and Conflict where the connection was disconnected, or where all is to be
        read `from_start` and the running one does not.
        """
        for _ in range(_LOOKS):
            run = await self.syncer.start(
                connection_id, trigger=trigger, from_start=from_start, request_id=request_id
            )
            if run is not None:
                self._begin(run)
                return run.run_id
            running = await self.database.read(runs.find_running, connection_id)
            if running is not None:
                self._check_same(running, from_start=from_start)
                return running  # else it ended between the two looks
        raise Conflict(
            "Another worker holds this connection, and runs no sync on it.",
            remedy=wait("Try again in a minute: what a dead worker holds is set free by itself."),
        )

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

    async def tick(self) -> int:
        """Start what is due, as far as there is room; return how many were started."""
        room = self.at_once - len(self._tasks)
        if room <= 0:
            return 0
        due = await self.database.read(connections.due, now=self.clock(), limit=room)
        started = 0
        for connection_id in due:
            try:
                run = await self.syncer.start(connection_id, trigger=SCHEDULE)
            except PenstockError as error:
                log.warning("worker.not_started", reason=error.message)
                continue
            except Exception:  # its lease is locked by a long commit, say: others are due too
                log.exception("worker.not_started")
                continue
            if run is not None:
                self._begin(run)
                started += 1
        return started

    async def stop(self, grace: float = GRACE) -> None:
        """Let running syncs end; abandon cleanly what does not within `grace` seconds.

        What is to run once more is due in the database, and left to whoever comes next.
        """
        self._stopping = True
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _begin(self, run: Run) -> None:
        self._live[run.run_id] = run.tally
        if run.from_start:
            self._from_start.add(run.run_id)
        task = asyncio.create_task(self._finish(run), name=f"sync-{run.run_id}")
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._end(run.run_id))

    def _end(self, run_id: int) -> None:
        self._tasks.pop(run_id, None)
        self._live.pop(run_id, None)
        self._from_start.discard(run_id)

    async def _finish(self, run: Run) -> None:
        try:
            _, again = await run.finish()
            if again and not self._stopping:
                with contextlib.suppress(Conflict):
                    await self.sync_now(run.connection.id, trigger="again")
        except Exception:  # its end could not be recorded: the lease runs out, and it is due again
            log.exception("sync.not_closed")
