"""Mapping again what the bank once said, without asking it (sync.md 18).

The archived answers are fed to the connector as it is now, update by update, and the last word on
each row is compared with what is stored. Only fields change: nothing is inserted, revived or
removed, and no cursor moves. A replay is a run of its own: it can be undone as any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db import accounts, archives, connections, feeds, quarantine, remapping
from penstock.db.archives import Archived
from penstock.db.connections import ConnectionRow
from penstock.db.lane import Database
from penstock.db.runs import REPLAY, Tally
from penstock.db.staging import Into
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict, ContractBroken, InvalidInput
from penstock.domain.ids import public_id
from penstock.domain.imported import FILES
from penstock.domain.protocol import Connector
from penstock.domain.remedy import wait
from penstock.domain.request import Request
from penstock.domain.update import Page, Stream
from penstock.engine import own_run
from penstock.engine.import_archive import read_again
from penstock.engine.own_run import DryRun
from penstock.engine.packing import unpack_answer
from penstock.engine.stage import Stage
from penstock.engine.tieout import check_connection


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay changed, or would: how many rows, some of them field by field.

    `updates` were read again; `unmapped` rows in quarantine still cannot be mapped, and the bank
    has not told them again. `run_id` is None for a dry run.
    """

    updates: int
    changed: int
    unmapped: int
    examples: list[remapping.Remapped]
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Replayer:
    """Replays what was archived."""

    database: Database
    connectors: Mapping[str, Connector]
    clock: Clock

    async def replay(self, connection_id: int, *, owner_id: int, dry: bool) -> Replayed:
        """Map a connection's archive again.

        Raises NotFound, Conflict while a sync runs, and InvalidInput where the archive cannot be
        read by the connector as it is now: then nothing is changed.
        """
        with Stage() as stage:
            updates = await self.database.read(self._read, connection_id, owner_id, stage)
            try:
                return await self.database.write(
                    self._write, connection_id, owner_id, stage, updates, dry
                )
            except DryRun as end:
                if isinstance(end.result, Replayed):
                    return end.result
                raise

    def _read(
        self, connection: sa.Connection, connection_id: int, owner_id: int, stage: Stage
    ) -> list[Archived]:
        row = connections.get(connection, connection_id, owner_id=owner_id)
        connector = self.connectors.get(row.connector)
        stage.clear()
        stage.reuses_ids = connector is not None and connector.reuses_ids
        updates = archives.of_connection(connection, connection_id)
        for update in updates:
            if update.stream == FILES:
                _read_file_again(connection, row, update, stage)
                continue
            if connector is None:
                raise InvalidInput(f"There is no connector {row.connector!r} in this installation.")
            _map_again(connection, connector, update, stage)
        return updates

    def _write(
        self,
        connection: sa.Connection,
        connection_id: int,
        owner_id: int,
        stage: Stage,
        updates: list[Archived],
        dry: bool,  # noqa: FBT001  it is passed on, not chosen here
    ) -> Replayed:
        now = self.clock()
        own = own_run.begin(connection, connection_id, owner_id=owner_id, trigger=REPLAY, now=now)
        if archives.of_connection(connection, connection_id) != updates:
            raise Conflict("A sync came between.", remedy=wait("Try again in a moment."))
        into = _into(connection, own, feeds.next_change(connection, owner_id), now)
        found = remapping.remap(connection, stage.batches(), into, reuses_ids=stage.reuses_ids)
        if found.changed:
            check_connection(connection, connection_id, now=now)
        unmapped = _still_open(connection, connection_id, stage)
        result = Replayed(len(updates), found.changed, unmapped, found.examples, own.run_id)
        own_run.end(connection, own, Tally(changed=found.changed), now=now)
        if dry:
            raise DryRun(Replayed(result.updates, result.changed, result.unmapped, result.examples))
        return result


def _still_open(connection: sa.Connection, connection_id: int, stage: Stage) -> int:
    """Count what is open in quarantine, and still cannot be mapped."""
    unread = {(one.account, one.external_id, one.raw) for one in stage.unmapped}
    return sum(
        (one.account, one.external_id, one.raw) in unread
        for one in quarantine.open_of(connection, connection_id)
    )


def _into(connection: sa.Connection, own: own_run.Own, change: int, now: datetime) -> Into:
    known = accounts.of_connection(connection, own.connection.id)
    return Into(
        own.connection.owner_id,
        {row.external_id: row.id for row in known},
        own.run_id,
        change,
        now,
        now.date(),
        own.connection.id,
    )


def _read_file_again(
    connection: sa.Connection, row: ConnectionRow, update: Archived, stage: Stage
) -> None:
    """Read a file once more; the stage gets what it says now."""
    stage.begin_update()
    known = {one.id: one.external_id for one in accounts.of_connection(connection, row.id)}
    for packed in list(archives.answers(connection, update.id)):
        for page in read_again(connection, unpack_answer(packed), known, row.owner_id):
            stage.add(page)


def _map_again(
    connection: sa.Connection, connector: Connector, update: Archived, stage: Stage
) -> None:
    """Read an update once more from its answers; the stage gets what it says now."""
    stage.begin_update()
    heard = archives.answers(connection, update.id)
    pull = connector.pull(Stream(update.stream, update.accounts), update.cursor)
    try:
        step = next(pull)
        while True:
            if isinstance(step, Request):
                packed = next(heard, None)
                if packed is None:
                    return  # it was committed at a checkpoint, here
                step = pull.send(unpack_answer(packed))
                continue
            if isinstance(step, Page):
                stage.add(step)
            step = next(pull)
    except StopIteration:
        return
    except ContractBroken as error:
        run = public_id("run", update.run_id)
        raise InvalidInput(
            f"What the bank said in {run} cannot be read any more: {error.message}"
        ) from error
    finally:
        pull.close()
        heard.close()
