"""One sync of one connection, from the lease to the record of how it ended.

Read this file to know the main path: take the lease, discover, read each stream into a stage,
commit each whole update with its cursor, tie out, close. The network is awaited here and nowhere
inside a transaction.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from penstock.db import bulk
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.db.waiting import Cause
from penstock.domain import outcome
from penstock.domain.backoff import full_jitter
from penstock.domain.consent import ConsentState
from penstock.domain.errors import KeyAway, LeaseLost, VaultError
from penstock.domain.ids import public_id
from penstock.domain.limit import Limit
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.protocol import Connector, PendingRule
from penstock.domain.update import Discovery, Stream
from penstock.engine.commit import Farewell, Place
from penstock.engine.drive import Driver
from penstock.engine.fault import ending_of
from penstock.engine.gear import Gear, driver_of
from penstock.engine.heart import keep_alive
from penstock.engine.known import Known
from penstock.engine.opening import Opening, open_run
from penstock.engine.recognise import as_stored, recognise
from penstock.engine.record import Closing, Schedule, close
from penstock.engine.streams import StreamReader
from penstock.engine.subscribing import keep_subscribed
from penstock.engine.tieout import tie_out_connection
from penstock.observe.log import get_logger

_CLOSINGS: Final = 12
"""How often an ending is tried to be recorded again: about a minute in all."""
_ROW_KINDS: Final = (
    "inserted",
    "changed",
    "unchanged",
    "removed",
    "paired",
    "linked",
    "quarantined",
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Syncer(Gear):
    """What starts syncs; one for the whole program."""

    async def start(
        self,
        connection_id: int,
        *,
        trigger: str,
        from_start: bool = False,
        request_id: str | None = None,
        suspects: bool = True,
    ) -> "Run | None":
        """Take the lease and open a run, or carry out the one that waits on this connection.

        None where another worker has it: it will run once more; and where so many syncs of this
        provider are under way as may be. Without `suspects`, also where the process has died with
        it again and again.
        Raises NotFound, and Conflict where the connection was disconnected.
        """
        now = self.clock()
        opening = Opening(
            connection_id=connection_id,
            holder=uuid4().hex,
            trigger=trigger,
            request_id=request_id,
            from_start=from_start,
            now=now,
            until=now + self.lease_time,
            bounds=self.bounds,
            suspects=suspects,
        )
        opened = await self.database.write(open_run, opening)
        if opened is None:
            return None
        return Run(
            syncer=self,
            connection=opened.connection,
            lease=opened.lease,
            run_id=opened.run_id,
            cause=opened.cause,
            from_start=opened.from_start,
            known=opened.known,
            began=now,
            suspect=opened.suspect,
        )


@dataclass(slots=True)
class Run:
    """A sync under way. `tally` can be watched while `finish` runs."""

    syncer: Gear
    connection: ConnectionRow
    lease: Lease
    run_id: int
    cause: Cause
    from_start: bool
    known: Known
    began: datetime
    suspect: bool = False
    tally: Tally = field(default_factory=Tally)
    _reader: StreamReader | None = None

    async def finish(self) -> tuple[Ending, bool]:
        """Sync to the end. Return how it ended, and whether it was asked for once more."""
        work = asyncio.create_task(self._ending())
        heart = asyncio.create_task(
            keep_alive(self.syncer, self.lease, self.connection.connector, work)
        )
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:  # the program stops: abandon the run, but close it cleanly
            work.cancel()
            await asyncio.wait([work])
            await self._close(_ended(work))
            raise
        finally:
            heart.cancel()
        return await self._close(_ended(work))

    async def _ending(self) -> Ending:
        """Read everything; turn whatever stops that into an ending."""
        try:
            return await self._read_all()
        except Halt as halt:
            return halt.ending
        except (LeaseLost, KeyAway) as passing:
            return outcome.transient(passing.message)
        except VaultError as error:
            return Ending(Outcome.CONTRACT, error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - it is logged, and ends the run
            return ending_of(error, connector=self.connection.connector)

    async def _read_all(self) -> Ending:
        syncer, connection = self.syncer, self.connection
        connector = syncer.connectors.get(connection.connector)
        if connector is None:
            message = f"There is no connector {connection.connector!r} in this installation."
            raise Halt(Ending(Outcome.CONTRACT, message))
        self._check_it_may_run()
        known = self.known
        driver = driver_of(syncer, connection, connector, self.run_id, self.tally, known)
        discovery = await driver.run(connector.discover())
        ids = await self._recognise(discovery)
        await keep_subscribed(syncer, self.lease, connection.owner_id, driver)
        self._reader = reader = StreamReader(
            syncer.database, syncer.clock, driver, self.from_start, syncer.lease_time, known.cursors
        )
        streams = [
            (stream, self._place(connector, ids, stream)) for stream in connector.streams(discovery)
        ]
        ending = await self._read_streams(streams, driver, reader)
        if reader.closed is None:
            await syncer.database.write(
                tie_out_connection, self.lease, now=syncer.clock(), quiet=self.tally.quiet
            )
        if ending.outcome is Outcome.DONE:
            await driver.meter.went_well()
        return _with_consent(ending, driver)

    async def _read_streams(
        self, streams: Sequence[tuple[Stream, Place]], driver: Driver, reader: StreamReader
    ) -> Ending:
        """Read one after the other; the last may close the run, where nothing was new."""
        endings: list[Ending] = []

        def farewell() -> Farewell:
            ending = _with_consent(outcome.worst([*endings, outcome.DONE]), driver)
            schedule = Schedule(self.syncer.every, self.syncer.random())
            return Farewell(partial(self._closing, ending), schedule)

        for number, (stream, place) in enumerate(streams, 1):
            last = farewell if number == len(streams) else None
            endings.append(await reader.read(stream, place, last))
            if endings[-1].outcome in (Outcome.CONSENT, Outcome.THROTTLED):
                break
        return outcome.worst(endings)

    async def _recognise(self, discovery: Discovery) -> Mapping[str, int]:
        """Return the accounts by the bank's ids; store what the bank says anew of them."""
        syncer, connection = self.syncer, self.connection
        same = as_stored(connection, self.known.accounts, discovery, syncer.fingerprint)
        if same is not None:
            return same.ids
        recognised = await syncer.database.write(
            recognise,
            self.lease,
            discovery,
            owner_id=connection.owner_id,
            fingerprint=syncer.fingerprint,
            now=syncer.clock(),
            link_twice=syncer.link_twice,
        )
        return recognised.ids

    def _check_it_may_run(self) -> None:
        """Do not even ask a bank that said when, or whose consent is known to have ended."""
        row, now = self.connection, self.syncer.clock()
        if row.not_before is not None and now < row.not_before:
            raise Halt(
                outcome.throttled("The bank asked to be left alone for a while.", row.not_before)
            )
        if row.consent_expires_at is not None and row.consent_expires_at <= now:
            ended = f"The consent ended on {row.consent_expires_at:%Y-%m-%d}."
            raise Halt(outcome.consent_needed(ended, ConsentState.EXPIRED))

    def _place(self, connector: Connector, accounts: Mapping[str, int], stream: Stream) -> Place:
        return Place(
            lease=self.lease,
            run_id=self.run_id,
            owner_id=self.connection.owner_id,
            accounts={name: accounts[name] for name in stream.accounts if name in accounts},
            feed=bulk.Feed(
                pairs_unlinked=connector.pending_rule is not PendingRule.SAME_ID,
                sends_removals=connector.sends_removals,
                reissues_ids=connector.reissues_ids,
                reuses_ids=connector.reuses_ids,
            ),
            absence=connector.absence,
            stream=stream.key,
        )

    async def _close(self, ending: Ending) -> tuple[Ending, bool]:
        """Record the ending, unless the last commit did; return it as `finish` does."""
        syncer, connector = self.syncer, self.connection.connector
        closed, now = self._reader.closed if self._reader else None, syncer.clock()
        ending = closed.ending if closed else ending
        for kind in _ROW_KINDS:
            syncer.metrics.rows_seen(connector, kind, getattr(self.tally, kind))
        syncer.metrics.run_ended(connector, ending.outcome, (now - self.began).total_seconds())
        again = closed.again if closed else await self._record(ending, now)
        log.info(
            "sync.ended",
            connector=connector,
            connection=public_id("con", self.connection.id),
            run=public_id("run", self.run_id),
            trigger=self.cause.trigger,
            outcome=str(ending.outcome),
            message=ending.message,
            **{kind: getattr(self.tally, kind) for kind in ("pages", *_ROW_KINDS)},
        )
        return ending, again

    def _closing(self, ending: Ending, tally: Tally) -> Closing:
        return Closing(self.lease, self.run_id, ending, tally, self.began, self._limits())

    def _limits(self) -> tuple[Limit, ...]:
        connector = self.syncer.connectors.get(self.connection.connector)
        meters = self.syncer.meters
        return meters.limits_of(connector) if meters and connector else ()

    async def _record(self, ending: Ending, now: datetime) -> bool:
        """Record the ending; where the database is away, keep trying for a while.

        Else a run that ended would count as one with which the process died.
        """
        syncer, closing = self.syncer, self._closing(ending, self.tally)
        failures = 0
        while True:
            try:
                return await syncer.database.write(
                    close, closing, every=syncer.every, chance=syncer.random(), now=now
                )
            except sa.exc.DBAPIError:
                failures += 1
                if failures > _CLOSINGS:
                    raise
                await syncer.sleep(full_jitter(failures, syncer.random(), most=15))


def _with_consent(ending: Ending, driver: Driver) -> Ending:
    """Say so where all went well, and the bank says that the consent ends soon."""
    if driver.consent_ends_soon and ending.outcome is Outcome.DONE:
        return replace(ending, consent=ConsentState.EXPIRING)
    return ending


def _ended(work: asyncio.Task[Ending]) -> Ending:
    return outcome.transient("The sync was interrupted.") if work.cancelled() else work.result()
