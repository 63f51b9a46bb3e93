"""The one transaction of an update: rows, balances, holdings, cursor and run record together.

Nothing here touches the network. Lock order: lease (by its fence), feed, rows (sync.md 2, 19, 20).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from penstock.db import (
    archives,
    balances,
    bulk,
    cursors,
    feeds,
    holdings,
    images,
    leases,
    quarantine,
    runs,
    tie_outs,
)
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.db.staging import Into
from penstock.db.sweeping import Told
from penstock.domain.balance import BalanceSeen
from penstock.domain.clock import Clock
from penstock.domain.errors import ContractBroken, LeaseLost
from penstock.domain.money import canonical
from penstock.domain.outcome import Ending
from penstock.domain.update import Absence, Unmapped
from penstock.engine import positions
from penstock.engine.record import Closing, Schedule, close_held
from penstock.engine.stage import Stage


@dataclass(frozen=True, slots=True)
class Place:
    """Where an update belongs: its run, its connection's lease and accounts, its stream.

    A file has no cursor that it moves: undone, it pauses nothing.
    """

    lease: Lease
    run_id: int
    owner_id: int
    accounts: Mapping[str, int]
    feed: bulk.Feed
    absence: Absence
    stream: str
    moves_cursor: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's move: the stored one that the run began with, and the one to store now."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Farewell:
    """What the last commit of a run needs to close it too: how it ends, and its schedule.

    `recorded` makes the record from what was done in all.
    """

    recorded: Callable[[Tally], Closing]
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Committed:
    """What the run has done so far. `closed` is how it was closed, where it was closed too."""

    tally: Tally
    closed: "Closed | None" = None


@dataclass(frozen=True, slots=True)
class Closed:
    """How a run was closed, and whether it was asked for once more."""

    ending: Ending
    again: bool


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
    farewell: Farewell | None = None,
) -> Committed:
    """Merge an update and move its cursor; return the run's tally with what was done.

    However long this took, the lease is then good for `lease_time` from its end on. Where nothing
    at all was new, and each account was tied out today, a `farewell` closes the run as well.

    Raises LeaseLost where another worker, the person or time came between, and ContractBroken for
    rows of accounts that the provider did not list. Either way nothing is written.
    """
    connection_id = place.lease.connection_id
    dirty = leases.lock(connection, place.lease)
    row, cursor = cursors.find_with_connection(connection, connection_id, place.stream)
    if row.disconnected_at is not None:
        raise LeaseLost("The connection was disconnected while it was being read.")
    if row.paused_at is not None:
        raise LeaseLost("The connection was paused while it was being read.")
    if cursor != move.before:
        raise LeaseLost("The cursor was moved while this update was being read.")
    done = tally
    if stage.balances or stage.held or not stage.empty or not place.feed.sends_removals:
        done = store(connection, place, stage, move, tally, now)
    if move.after is not None and move.after != move.before:
        cursors.save(connection, connection_id, place.stream, move.after, now=now)
    if farewell is not None and _nothing_is_new(connection, connection_id, done, now):
        closing = farewell.recorded(done)
        again = close_held(connection, row, closing, farewell.schedule, dirty=dirty, now=now)
        return Committed(done, Closed(closing.ending, again))
    runs.record(connection, place.run_id, done)
    ended = clock()
    leases.extend(connection, place.lease, now=ended, until=ended + lease_time)
    return Committed(done)


def _nothing_is_new(
    connection: sa.Connection, connection_id: int, done: Tally, now: datetime
) -> bool:
    return done.quiet and tie_outs.are_fresh(connection, connection_id, since=now.date())


def store(
    connection: sa.Connection, place: Place, stage: Stage, move: Move, tally: Tally, now: datetime
) -> Tally:
    """Write what the update tells: rows, balances, holdings, what is unread, and the archive.

    For whoever holds the lease's row. Raises ContractBroken.
    """
    connection_id = place.lease.connection_id
    new = _unheard(connection, place, stage, now)
    held = holdings.news(connection, positions.as_stored(stage.held, place.accounts))
    if stage.empty and not new and not held.size and place.feed.sends_removals:
        return tally
    change = feeds.next_change(connection, place.owner_id)
    into = Into(
        place.owner_id, place.accounts, place.run_id, change, now, now.date(), connection_id
    )
    told = Told(place.absence, stage.whole, stage.covered, stage.unmapped)
    counts = bulk.Counts()
    unread = quarantine.count_open(connection, connection_id) if stage.rows else 0
    try:
        if not stage.empty or not place.feed.sends_removals:
            counts = bulk.store(connection, stage.batches, into, place.feed, told)
    except KeyError as error:
        raise _not_listed(error) from None
    balances.insert(connection, [{**one, "change_number": change} for one in new])
    holdings.store(connection, held, into)
    if held.size:
        positions.follow(connection, into)
    read_now = unread > 0 and quarantine.count_open(connection, connection_id) < unread
    _keep_what_came(connection, place, stage, now, news=counts.wrote or read_now)
    if counts.wrote or held.size:
        images.note_commit(
            connection, connection_id, place.run_id, change, holdings_only=not counts.wrote
        )
    if counts.wrote and place.moves_cursor:
        images.note_cursor(connection, place.run_id, place.stream, move.before)
    return _added(tally, counts, quarantined=len(stage.unmapped), holdings=held.size)


def _added(tally: Tally, counts: bulk.Counts, *, quarantined: int, holdings: int) -> Tally:
    return replace(
        tally,
        inserted=tally.inserted + counts.inserted,
        changed=tally.changed + counts.changed,
        unchanged=tally.unchanged + counts.unchanged,
        removed=tally.removed + counts.removed,
        paired=tally.paired + counts.paired,
        linked=tally.linked + counts.linked,
        quarantined=tally.quarantined + quarantined,
        holdings=tally.holdings + holdings,
    )


def _unheard(
    connection: sa.Connection, place: Place, stage: Stage, now: datetime
) -> list[dict[str, Any]]:
    """Return the balances that are new."""
    try:
        observed = [(place.accounts[seen.account], seen) for seen in stage.balances]
    except KeyError as error:
        raise _not_listed(error) from None
    said = [_balance(place, account_id, seen, now) for account_id, seen in observed]
    return balances.unheard(connection, said)


def _keep_what_came(
    connection: sa.Connection, place: Place, stage: Stage, now: datetime, *, news: bool
) -> None:
    """Set aside what could not be mapped; archive what the bank answered, if any of it was news."""
    connection_id = place.lease.connection_id
    if stage.unmapped:
        aside = quarantine.keep(connection, [_kept(place, one, now) for one in stage.unmapped])
        news = news or aside > 0
    if not (stage.rows or stage.unmapped):
        return
    if news or archives.were_forgotten(connection, connection_id, place.stream, place.run_id):
        update = archives.ToArchive(
            connection_id, place.run_id, place.stream, tuple(place.accounts), stage.read_from
        )
        archives.keep(connection, update, stage.answers(), now=now)


def _not_listed(account: KeyError) -> ContractBroken:
    return ContractBroken(f"A row names account {account}, which the bank did not list.")


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


def _balance(place: Place, account_id: int, seen: BalanceSeen, now: datetime) -> dict[str, Any]:
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
    }
