"""Rows in quarantine, mapped once more by the connector as it is now (sync.md 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db import accounts, bulk, feeds, images, quarantine, remapping
from penstock.db.quarantine import MAPPED, Kept
from penstock.db.runs import RETRY, Tally
from penstock.db.staging import Into
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Connector, PendingRule
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Page, Stream
from penstock.engine import own_run
from penstock.engine.stage import Stage
from penstock.engine.tieout import check_connection


@dataclass(frozen=True, slots=True)
class Retried:
    """How many rows could be mapped now, and how many are left."""

    mapped: int
    left: int


def retry(
    connection: sa.Connection,
    connection_id: int,
    *,
    owner_id: int,
    connectors: Mapping[str, Connector],
    now: datetime,
) -> Retried:
    """Map a connection's open rows again; those that can be are merged as a sync would.

    Raises NotFound, and Conflict while a sync of the connection runs.
    """
    own = own_run.begin(connection, connection_id, owner_id=owner_id, trigger=RETRY, now=now)
    kept = quarantine.open_of(connection, connection_id)
    known = {row.external_id: row.id for row in accounts.of_connection(connection, connection_id)}
    connector = connectors.get(own.connection.connector)
    good = _mapped(connector, kept, known) if connector else []
    # Before the merge: that takes what it finds open for something that the bank told again.
    quarantine.resolve(connection, [one.id for one, _ in good], MAPPED, now=now)
    tally = Tally()
    if connector and good:
        change = feeds.next_change(connection, owner_id)
        into = Into(owner_id, known, own.run_id, change, now, now.date(), connection_id)
        feed = bulk.Feed(
            pairs_unlinked=connector.pending_rule is not PendingRule.SAME_ID,
            sends_removals=True,
            reuses_ids=connector.reuses_ids,
        )
        with Stage() as stage:
            for _, row in good:
                stage.add(_page(row))
            counts = bulk.store(connection, stage.batches, into, feed)
        if counts.wrote:
            images.note_commit(connection, connection_id, own.run_id, change)
            remapping.note_hearing(connection, into, [(row, one.run_id) for one, row in good])
            check_connection(connection, connection_id, now=now)
        tally = Tally(
            inserted=counts.inserted,
            changed=counts.changed,
            unchanged=counts.unchanged,
            removed=counts.removed,
            paired=counts.paired,
            linked=counts.linked,
        )
    own_run.end(connection, own, tally, now=now)
    return Retried(len(good), len(kept) - len(good))


def _mapped(
    connector: Connector, kept: Sequence[Kept], known: Mapping[str, int]
) -> list[tuple[Kept, TransactionSeen | Removal]]:
    """Map what can be mapped; nothing older than a word on the same row that still cannot be."""
    found = []
    unread = set()
    for one in reversed(kept):
        key = (one.stream, one.account, one.external_id)
        if one.external_id and key in unread:
            continue
        row = _map(connector, one, known)
        if row is not None:
            found.append((one, row))
        elif one.external_id:
            unread.add(key)
    return found[::-1]


def _map(
    connector: Connector, one: Kept, known: Mapping[str, int]
) -> TransactionSeen | Removal | None:
    try:
        row = connector.remap(Stream(one.stream, tuple(known)), one.raw)
    except ContractBroken:
        return None
    # One without an id may be stored under a name: only all rows of its day would tell (13).
    return row if row.account in known and row.external_id else None


def _page(row: TransactionSeen | Removal) -> Page:
    if isinstance(row, Removal):
        return Page([], [row], None, more=False)
    return Page([row], [], None, more=False)
