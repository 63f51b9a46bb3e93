"""Reading one stream: pages into a stage, and each whole update into the database.

An update that breaks off leaves nothing behind: what was staged is thrown away, and it is read
again from the cursor of its first page (sync.md 1-5, 27).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Final

from penstock.db import cursors
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.clock import Clock
from penstock.domain.errors import ContractBroken, LeaseLost, VaultError
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.schedule import SOON
from penstock.domain.update import Page, Stream
from penstock.engine.commit import Closed, Farewell, Move, Place, commit
from penstock.engine.drive import CursorLost, Driver, Restart
from penstock.engine.fault import ending_of
from penstock.engine.stage import Stage

MOST_PAGES: Final = 100_000
MOST_RESTARTS: Final = 5
MOST_UNMAPPED: Final = 10
MOST_UNMAPPED_SHARE: Final = 0.05


class Doubt(Restart):
    """A row could not be mapped."""


@dataclass(slots=True)
class StreamReader:
    """Reads the streams of one run.

    `cursors` are those that were stored when it began; `doubted` are rows that could not be
    mapped, as they came. `closed` is set where the last commit closed the run too.
    """

    database: Database
    clock: Clock
    driver: Driver
    from_start: bool
    lease_time: timedelta
    cursors: dict[str, str]
    doubted: set[bytes] = field(default_factory=set)
    closed: Closed | None = None
    _farewell: Callable[[], Farewell] | None = None

    async def read(
        self, stream: Stream, place: Place, farewell: Callable[[], Farewell] | None = None
    ) -> Ending:
        """Read a stream to its end. One that fails does not stop the others (sync.md 29).

        Of the last one, `farewell` lets the last commit close the run, where nothing was new.
        """
        self._farewell = farewell
        try:
            with Stage(reuses_ids=self.driver.connector.reuses_ids) as stage:
                return await self._read_until_whole(stream, place, stage)
        except Halt as halt:
            return halt.ending
        except ContractBroken as error:
            return outcome.contract_broken(error.message)
        except (LeaseLost, VaultError):
            raise  # no stream of this connection can go on
        except Exception as error:  # noqa: BLE001 - it is logged, and ends this stream alone
            return ending_of(error, connector=self.driver.connector.name)

    async def _read_until_whole(self, stream: Stream, place: Place, stage: Stage) -> Ending:
        """Start over where the data moved; from nothing where the bank lost the stored cursor."""
        stored = self.cursors.get(place.stream)
        cursor = None if self.from_start else stored
        while True:
            try:
                return await self._read_once(stream, place, stage, Move(stored, stored), cursor)
            except Restart as moved:
                await self._start_over(moved)
            except CursorLost as lost:
                if stage.pages:  # one that this update was given on its way, not the stored one
                    await self._start_over(lost)
                elif cursor is None:
                    message = lost.message or "The bank lost a cursor that was never stored."
                    return Ending(Outcome.CURSOR_LOST, message)
                else:
                    cursor = None  # identities are kept: rows are found again by their ids
                    self.driver.tally.restarts += 1
            stage.clear()
            now_stored = await self._stored(place)
            if now_stored != stored:  # a checkpoint was committed: go on from there
                stored = cursor = now_stored

    async def _read_once(
        self, stream: Stream, place: Place, stage: Stage, move: Move, cursor: str | None
    ) -> Ending:
        """Stage pages from `cursor` on; commit at each checkpoint and at the end."""
        looks_back = self.from_start and cursor is None and move.before is not None
        seen: set[str] = set() if cursor is None else {cursor}
        more, whole = False, cursor is None
        stage.read_from = cursor
        pages = self.driver.pull(self.driver.connector.pull(stream, cursor), stage.hear)
        async for step in pages:
            if not isinstance(step, Page):
                stage.note(step)
                continue
            if step.next_cursor == "":
                return outcome.not_ready(self.clock() + SOON)
            self._check_progress(step, seen)
            stage.add(step)
            more = step.more
            if step.next_cursor is not None:
                move = Move(move.before, step.next_cursor)
            if more and step.checkpoint and not looks_back:
                await self._commit(place, stage, move)
                # What is staged from here on is not all that was told.
                move, whole = Move(move.after, move.after), False
                stage.read_from = move.after
        _check_ended(more=more)
        if looks_back and self.driver.connector.sends_removals:
            await self._look_back(stream, stage, move.before)
        stage.whole = whole
        ending = outcome.told(stage.said) if stage.said else outcome.DONE
        await self._commit(place, stage, move, self._farewell if ending is outcome.DONE else None)
        return ending

    async def _look_back(self, stream: Stream, stage: Stage, cursor: str | None) -> None:
        """Stage what happened since the stored cursor, after all was read from the beginning.

        A full read tells of no removal, so those must still be heard. The cursor of the full read
        is the one to store: it alone knows the rows that are younger than the other. These pages
        are not counted as pages of the update. What neither tells is missing (27): rows may have
        gone without a word, and the bank may have forgotten what happened.
        """
        seen: set[str] = set()
        more = False
        try:
            pull = self.driver.connector.pull(stream, cursor)
            async for step in self.driver.pull(pull):
                if not isinstance(step, Page):
                    stage.note(step)
                    continue
                if step.next_cursor == "":
                    raise Halt(outcome.not_ready(self.clock() + SOON))
                self._refuse_circle(step, seen)
                if stage.pages >= MOST_PAGES and step.more:
                    raise Halt(outcome.partial(f"There are more than {MOST_PAGES} pages."))
                stage.add(step)
                more = step.more
        except CursorLost:
            if seen:
                raise  # half of what it had to say is staged: the update starts over
            return
        _check_ended(more=more)

    def _check_progress(self, page: Page, seen: set[str]) -> None:
        """Refuse to turn in a circle, or to call less than all a success (sync.md 5)."""
        tally = self.driver.tally
        tally.pages += 1
        if tally.pages >= MOST_PAGES and page.more:
            raise Halt(outcome.partial(f"There are more than {MOST_PAGES} pages."))
        self._refuse_circle(page, seen)

    def _refuse_circle(self, page: Page, seen: set[str]) -> None:
        if page.more and page.next_cursor in seen:
            raise Halt(outcome.partial("The bank announces more pages, but its cursor repeats."))
        if page.next_cursor is not None:
            seen.add(page.next_cursor)

    async def _start_over(self, moved: Restart | CursorLost) -> None:
        tally = self.driver.tally
        tally.restarts += 1
        if tally.restarts > MOST_RESTARTS:
            if isinstance(moved, Doubt):
                raise Halt(outcome.contract_broken(moved.message))
            raise Halt(outcome.transient(f"The data moved each time it was read: {moved.message}"))
        await self.driver.sleep(min(0.1 * 2**tally.restarts, 2.0) * self.driver.random())

    async def _commit(
        self,
        place: Place,
        stage: Stage,
        move: Move,
        farewell: Callable[[], Farewell] | None = None,
    ) -> None:
        self._check_mapped(stage)
        stage.check_names()
        tally = self.driver.tally
        committing = asyncio.ensure_future(
            self.database.write(
                commit,
                place,
                stage,
                move,
                tally,
                self.clock(),
                clock=self.clock,
                lease_time=self.lease_time,
                farewell=farewell() if farewell else None,
            )
        )
        try:
            await asyncio.shield(committing)
        finally:  # who is stopped here waits for the transaction, and counts what it did
            await asyncio.wait([committing])
            if not committing.cancelled() and committing.exception() is None:
                _adopt(tally, committing.result().tally)
                self.closed = committing.result().closed
        stage.clear()

    def _check_mapped(self, stage: Stage) -> None:
        """Keep in quarantine only what the bank says twice, and not many rows (sync.md 8).

        What it says once may be a slip: the update is read again, and nothing is lost by it. Where
        it is many rows, it is our mapping that is wrong.
        """
        bad = stage.unmapped
        if len(bad) > max(MOST_UNMAPPED, MOST_UNMAPPED_SHARE * stage.rows):
            message = f"{len(bad)} rows could not be mapped, the first of them: {bad[0].reason}"
            raise Halt(outcome.contract_broken(message))
        new = [one for one in bad if one.raw not in self.doubted]
        self.doubted.update(one.raw for one in new)
        if new:
            raise Doubt(new[0].reason)

    async def _stored(self, place: Place) -> str | None:
        connection_id = place.lease.connection_id
        return await self.database.read(cursors.find, connection_id, place.stream)


def _adopt(tally: Tally, done: Tally) -> None:
    """Take over the counts, in place: others watch this tally."""
    for counted in fields(Tally):
        setattr(tally, counted.name, getattr(done, counted.name))


def _check_ended(*, more: bool) -> None:
    """Refuse to call less than was announced a success (sync.md 5)."""
    if more:
        raise Halt(outcome.partial("The bank announced more pages, and sent none."))
