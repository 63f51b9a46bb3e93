"""One sync of one connection, from the lease to the record of how it ended.

Read this file to know the main path: take the lease, discover, read each stream into a stage,
commit each whole update with its cursor, tie out, close. The network is awaited here and nowhere
inside a transaction.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import sqlalchemy as sa

from penstock.db import bulk
from penstock.db.connections import ConnectionRow
from penstock.db.lane import Database
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.backoff import full_jitter
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import LeaseLost, VaultError
from penstock.domain.ids import public_id
from penstock.domain.limit import Limit
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.protocol import Connector, PendingRule, SenderFor
from penstock.domain.update import Stream
from penstock.engine.commit import Place
from penstock.engine.drive import Driver, Limits, Sleep
from penstock.engine.fault import ending_of
from penstock.engine.meter import Meters
from penstock.engine.recognise import Fingerprint, recognise
from penstock.engine.record import Bounds, Closing, Opening, beat, close, open_run
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.seal import Seals
from penstock.engine.streams import StreamReader
from penstock.engine.tieout import tie_out_connection
from penstock.engine.turnstile import Turnstile, Unmetered
from penstock.observe.log import get_logger
from penstock.observe.metrics import Metrics

_CLOSINGS: Final = 12
"""How often an ending is tried to be recorded again: about a minute in all."""
_ROW_KINDS: Final = ("inserted", "changed", "unchanged", "removed", "paired", "quarantined")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Syncer:
    """Everything that a sync needs; one for the whole program."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    fingerprint: Fingerprint
    send_for: SenderFor
    metrics: Metrics
    clock: Clock
    sleep: Sleep = asyncio.sleep
    limits: Limits = field(default_factory=Limits)
    meters: Meters | None = None
    every: timedelta = timedelta(hours=6)
    lease_time: timedelta = timedelta(seconds=12)
    bounds: Bounds = field(default_factory=Bounds)
    random: Callable[[], float] = random.random

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
            trigger=trigger,
            from_start=opened.from_start,
            began=now,
            suspect=opened.suspect,
        )


@dataclass(slots=True)
class Run:
    """A sync under way. `tally` can be watched while `finish` runs."""

    syncer: Syncer
    connection: ConnectionRow
    lease: Lease
    run_id: int
    trigger: str
    from_start: bool
    began: datetime
    suspect: bool = False
    tally: Tally = field(default_factory=Tally)

    async def finish(self) -> tuple[Ending, bool]:
        """Sync to the end. Return how it ended, and whether it was asked for once more."""
        work = asyncio.create_task(self._ending())
        heart = asyncio.create_task(self._beat(work))
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:  # the program stops: abandon the run, but close it cleanly
            work.cancel()
            await asyncio.wait([work])
            await self._close(_ended(work))
            raise
        finally:
            heart.cancel()
        return _ended(work), await self._close(_ended(work))

    async def _ending(self) -> Ending:
        """Read everything; turn whatever stops that into an ending."""
        try:
            return await self._read_all()
        except Halt as halt:
            return halt.ending
        except LeaseLost as lost:
            return outcome.transient(lost.message)
        except VaultError as error:
            return Ending(Outcome.CONTRACT, error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - it is logged, and ends the run
            return ending_of(error, connector=self.connection.connector)

    async def _beat(self, work: asyncio.Task[Ending]) -> None:
        """Keep the lease alive; where it is lost, stop the work that may no longer commit."""
        while True:
            await asyncio.sleep(self.syncer.lease_time.total_seconds() / 3)
            try:
                ours = await self._keep_lease()
            except Exception:  # the database is away: the commit will tell whose lease it is
                log.exception("sync.heartbeat_missed")
                continue
            if not ours:
                work.cancel()
                return

    async def _keep_lease(self) -> bool:
        syncer, connector = self.syncer, self.connection.connector
        return await syncer.database.write(
            beat,
            self.lease,
            connector=connector,
            cap=syncer.bounds.of(connector),
            clock=syncer.clock,
            lease_time=syncer.lease_time,
        )

    async def _read_all(self) -> Ending:
        syncer, connection = self.syncer, self.connection
        connector = syncer.connectors.get(connection.connector)
        if connector is None:
            message = f"There is no connector {connection.connector!r} in this installation."
            raise Halt(Ending(Outcome.CONTRACT, message))
        self._check_it_may_run()
        driver = self._driver(connector)
        discovery = await driver.run(connector.discover())
        known = await syncer.database.write(
            recognise,
            self.lease,
            discovery,
            owner_id=connection.owner_id,
            fingerprint=syncer.fingerprint,
            now=syncer.clock(),
        )
        reader = StreamReader(
            syncer.database, syncer.clock, driver, self.from_start, syncer.lease_time
        )
        endings: list[Ending] = []
        for stream in connector.streams(discovery):
            place = self._place(connector, known.ids, stream)
            endings.append(await reader.read(stream, place))
            if endings[-1].outcome in (Outcome.CONSENT, Outcome.THROTTLED):
                break
        quiet = not any(getattr(self.tally, kind) for kind in _ROW_KINDS if kind != "unchanged")
        await syncer.database.write(tie_out_connection, self.lease, now=syncer.clock(), quiet=quiet)
        ending = outcome.worst(endings)
        if ending.outcome is Outcome.DONE:
            await driver.meter.went_well()
        if driver.consent_ends_soon and ending.outcome is Outcome.DONE:
            return replace(ending, consent=ConsentState.EXPIRING)
        return ending

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

    def _driver(self, connector: Connector) -> Driver:
        syncer = self.syncer
        meter = self._meter(connector)
        tokens = ConnectionTokens(
            connection_id=self.connection.id,
            owner_id=self.connection.owner_id,
            connector=connector,
            database=syncer.database,
            seals=syncer.seals,
            send=syncer.send_for(connector.name),
            metrics=syncer.metrics,
            tally=self.tally,
            clock=syncer.clock,
            sleep=syncer.sleep,
            meter=meter,
            claim_time=syncer.lease_time,
        )
        return Driver(
            connector=connector,
            send=syncer.send_for(connector.name),
            tokens=tokens,
            tally=self.tally,
            metrics=syncer.metrics,
            clock=syncer.clock,
            sleep=syncer.sleep,
            random=syncer.random,
            limits=syncer.limits,
            meter=meter,
        )

    def _meter(self, connector: Connector) -> Turnstile:
        if self.syncer.meters is None:
            return Unmetered()
        row = self.connection
        return self.syncer.meters.of_run(
            connector, row.id, row.institution_id or "", f"{self.run_id}", self.tally
        )

    def _place(self, connector: Connector, accounts: Mapping[str, int], stream: Stream) -> Place:
        return Place(
            lease=self.lease,
            run_id=self.run_id,
            owner_id=self.connection.owner_id,
            accounts={name: accounts[name] for name in stream.accounts if name in accounts},
            feed=bulk.Feed(
                pairs_unlinked=connector.pending_rule is not PendingRule.SAME_ID,
                sends_removals=connector.sends_removals,
            ),
            absence=connector.absence,
            stream=stream.key,
        )

    async def _close(self, ending: Ending) -> bool:
        syncer, connector = self.syncer, self.connection.connector
        now = syncer.clock()
        for kind in _ROW_KINDS:
            syncer.metrics.rows_seen(connector, kind, getattr(self.tally, kind))
        syncer.metrics.run_ended(connector, ending.outcome, (now - self.began).total_seconds())
        closing = Closing(self.lease, self.run_id, ending, self.tally, self.began, self._limits())
        again = await self._record(closing, now)
        log.info(
            "sync.ended",
            connector=connector,
            connection=public_id("con", self.connection.id),
            run=public_id("run", self.run_id),
            trigger=self.trigger,
            outcome=str(ending.outcome),
            message=ending.message,
            **{kind: getattr(self.tally, kind) for kind in ("pages", *_ROW_KINDS)},
        )
        return again

    def _limits(self) -> tuple[Limit, ...]:
        connector = self.syncer.connectors.get(self.connection.connector)
        meters = self.syncer.meters
        return meters.limits_of(connector) if meters and connector else ()

    async def _record(self, closing: Closing, now: datetime) -> bool:
        """Record the ending; where the database is away, keep trying for a while.

        Else a run that ended would count as one with which the process died.
        """
        syncer = self.syncer
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


def _ended(work: asyncio.Task[Ending]) -> Ending:
    return outcome.transient("The sync was interrupted.") if work.cancelled() else work.result()
