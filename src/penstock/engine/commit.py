"""The one transaction of an update: rows, removals, balances, cursor and run record together.

Nothing here touches the network. Lock order: lease (by its fence), feed, rows (sync.md 2, 19, 20).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from penstock.db import (
    archives,
    balances,
    bulk,
    connections,
    cursors,
    feeds,
    images,
    leases,
    quarantine,
    runs,
)
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.db.staging import Into
from penstock.db.sweeping import Told
from penstock.domain.balance import BalanceSeen
from penstock.domain.clock import Clock
from penstock.domain.errors import ContractBroken, LeaseLost
from penstock.domain.money import canonical
from penstock.domain.update import Absence, Unmapped
from penstock.engine.stage import Stage


@dataclass(frozen=True, slots=True)
class Place:
    """Where an update belongs: its run, its connection's lease and accounts, its stream."""

    lease: Lease
    run_id: int
    owner_id: int
    accounts: Mapping[str, int]
    feed: bulk.Feed
    absence: Absence
    stream: str


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's move: the stored one that the run began with, and the one to store now."""

    before: str | None
    after: str | None


def commit(  # noqa: PLR0913  one transaction needs all of it
    connection: sa.Connection,
    place: Place,
    stage: Stage,
    move: Move,
    tally: Tally,
    now: datetime,
    *,
    clock: Clock,
    lease_time: timedelta,
) -> Tally:
    """Merge an update and move its cursor; return the run's tally with what was done.

    However long this took, the lease is then good for `lease_time` from its end on. Raises
    LeaseLost where another worker, the person or time came between, and ContractBroken for rows
    of accounts that the provider did not list. Either way nothing is written.
    """
    connection_id = place.lease.connection_id
    leases.lock(connection, place.lease)
    row = connections.get(connection, connection_id)
    if row.disconnected_at is not None:
        raise LeaseLost("The connection was disconnected while it was being read.")
    if row.paused_at is not None:
        raise LeaseLost("The connection was paused while it was being read.")
    if cursors.find(connection, connection_id, place.stream) != move.before:
        raise LeaseLost("The cursor was moved while this update was being read.")
    done = tally
    if stage.balances or not stage.empty or not place.feed.sends_removals:
        done = _store(connection, place, stage, move, tally, now)
    if move.after is not None and move.after != move.before:
        cursors.save(connection, connection_id, place.stream, move.after, now=now)
    runs.record(connection, place.run_id, done)
    ended = clock()
    leases.extend(connection, place.lease, now=ended, until=ended + lease_time)
    return done


def _store(
    connection: sa.Connection, place: Place, stage: Stage, move: Move, tally: Tally, now: datetime
) -> Tally:
    """Write what the update tells: rows, balances, what could not be mapped, and the archive."""
    change = feeds.next_change(connection, place.owner_id)
    connection_id = place.lease.connection_id
    into = Into(
        place.owner_id, place.accounts, place.run_id, change, now, now.date(), connection_id
    )
    told = Told(place.absence, stage.whole, stage.covered)
    counts = bulk.Counts()
    try:
        if not stage.empty or not place.feed.sends_removals:
            counts = bulk.store(connection, stage.batches, into, place.feed, told)
        observed = [(place.accounts[seen.account], seen) for seen in stage.balances]
    except KeyError as error:
        raise ContractBroken(f"A row names account {error}, which the bank did not list.") from None
    balances.append(connection, [_balance(place, id_, seen, change, now) for id_, seen in observed])
    if stage.unmapped:
        quarantine.keep(connection, [_kept(place, one, now) for one in stage.unmapped])
    if stage.rows or stage.unmapped:
        update = archives.ToArchive(
            connection_id, place.run_id, place.stream, tuple(place.accounts), stage.read_from
        )
        archives.keep(connection, update, stage.answers(), now=now)
    if counts.wrote:
        images.note_commit(connection, connection_id, place.run_id, change)
        images.note_cursor(connection, place.run_id, place.stream, move.before)
    return replace(
        tally,
        inserted=tally.inserted + counts.inserted,
        changed=tally.changed + counts.changed,
        unchanged=tally.unchanged + counts.unchanged,
        removed=tally.removed + counts.removed,
        paired=tally.paired + counts.paired,
        quarantined=tally.quarantined + len(stage.unmapped),
    )


def _kept(place: Place, one: Unmapped, now: datetime) -> dict[str, Any]:
    return {
        "owner_id": place.owner_id,
        "connection_id": place.lease.connection_id,
        "run_id": place.run_id,
        "stream": place.stream,
        "account": one.account,
        "external_id": one.external_id,
        "reason": one.reason,
        "raw": one.raw,
        "created_at": now,
    }


def _balance(
    place: Place, account_id: int, seen: BalanceSeen, change: int, now: datetime
) -> dict[str, Any]:
    return {
        "owner_id": place.owner_id,
        "account_id": account_id,
        "run_id": place.run_id,
        "kind": str(seen.kind),
        "amount": canonical(seen.amount, seen.currency),
        "currency": seen.currency,
        "as_of": seen.as_of,
        "as_of_on": seen.as_of_on,
        "observed_at": now,
        "change_number": change,
    }
