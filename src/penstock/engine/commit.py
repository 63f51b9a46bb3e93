"""The one transaction of an update: rows, removals, balances, cursor and run record together.

Nothing here touches the network. Lock order: lease (by its fence), feed, rows (sync.md 2, 19, 20).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from penstock.db import balances, bulk, connections, cursors, feeds, leases, runs
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.db.staging import Into
from penstock.domain.balance import BalanceSeen
from penstock.domain.errors import ContractBroken, LeaseLost
from penstock.domain.money import canonical
from penstock.engine.stage import Stage


@dataclass(frozen=True, slots=True)
class Place:
    """Where an update belongs: its run, its connection's lease and accounts, its stream."""

    lease: Lease
    run_id: int
    owner_id: int
    accounts: Mapping[str, int]
    feed: bulk.Feed
    stream: str


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's move: the stored one that the run began with, and the one to store now."""

    before: str | None
    after: str | None


def commit(
    connection: sa.Connection, place: Place, stage: Stage, move: Move, tally: Tally, now: datetime
) -> Tally:
    """Merge an update and move its cursor; return the run's tally with what was done.

    Raises LeaseLost where another worker, the person or time came between, and ContractBroken
    for rows of accounts that the provider did not list. Either way nothing is written.
    """
    leases.lock(connection, place.lease)
    if connections.get(connection, place.lease.connection_id).disconnected_at is not None:
        raise LeaseLost("The connection was disconnected while it was being read.")
    if cursors.find(connection, place.lease.connection_id, place.stream) != move.before:
        raise LeaseLost("The cursor was moved while this update was being read.")
    change = feeds.next_change(connection, place.owner_id)
    into = Into(place.owner_id, place.accounts, place.run_id, change, now, now.date())
    try:
        counts = bulk.store(connection, stage.batches, into, place.feed)
        observed = [(place.accounts[seen.account], seen) for seen in stage.balances]
    except KeyError as error:
        raise ContractBroken(f"A row names account {error}, which the bank did not list.") from None
    balances.append(connection, [_balance(place, id_, seen, change, now) for id_, seen in observed])
    if move.after is not None and move.after != move.before:
        cursors.save(connection, place.lease.connection_id, place.stream, move.after, now=now)
    done = replace(
        tally,
        inserted=tally.inserted + counts.inserted,
        changed=tally.changed + counts.changed,
        unchanged=tally.unchanged + counts.unchanged,
        removed=tally.removed + counts.removed,
        paired=tally.paired + counts.paired,
    )
    runs.record(connection, place.run_id, done)
    return done


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
