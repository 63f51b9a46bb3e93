"""The merge: a whole update goes into `transactions`.

Everything here runs inside the caller's one transaction. Nothing is written for a row that did not
change, and the counts are exact (sync.md 7, 9, 12).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import (
    filling,
    fresh,
    images,
    likely,
    linking,
    quarantine,
    reissued,
    reused,
    settling,
    staging,
    sweeping,
    tie_outs,
    touch,
)
from penstock.db.filling import Batches
from penstock.db.metadata import instant_text
from penstock.db.staging import SEEN, Into
from penstock.db.statements import Statements
from penstock.db.sweeping import NOTHING_TOLD, Told
from penstock.domain.pairing import PENDING_DAYS


@dataclass(frozen=True, slots=True)
class Feed:
    """How a provider's feed behaves, where the merge has to know.

    `pairs_unlinked`: pending rows become posted ones without being named. `sends_removals`: a
    row that is gone is said to be gone. `reissues_ids`: rows are known to come under new ids.
    `reuses_ids`: several under one. `source`: it is a file, and with this its rows' ids begin.
    """

    pairs_unlinked: bool
    sends_removals: bool
    reissues_ids: bool = False
    source: str | None = None
    reuses_ids: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """What a merge did. See sync.md, "Counts"."""

    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    paired: int = 0
    linked: int = 0

    @property
    def wrote(self) -> bool:
        """Whether a row was written."""
        written = (self.inserted, self.changed, self.removed, self.paired, self.linked)
        return any(written)


def store(
    connection: sa.Connection, batches: Batches, into: Into, feed: Feed, told: Told = NOTHING_TOLD
) -> Counts:
    """Bring a whole update into `transactions`; return what was done.

    `told` is what the update tells in full: there, what is missing is gone. Raises KeyError for a
    row of an account that is not in `into.accounts`, and ContractBroken for an id that names
    another row where nobody can tell them apart.
    """
    statements = statements_for(connection, into)
    filled = _fill(connection, statements, batches, into)
    if filled is not None:
        return filled
    unread = sweeping.unread_ids(told, into.accounts)
    staged = staging.load(connection, batches(), into.accounts, unread)
    if feed.reuses_ids:
        reused.settle(statements, into, told)
    touch.make(statements)
    covered = sweeping.ranges(statements, told, into.accounts)
    known = linking.set_known_aside(statements) if feed.source else 0
    linked = linking.Linked()
    counts = Counts()
    if staged:
        counts, linked = _merge(statements, feed, covered, _told_in(told, into))
        counts = replace(counts, unchanged=counts.unchanged + known)
    removed = 0 if feed.sends_removals else _remove(statements, _EXPIRED)
    for one in sweeping.incomplete(statements, covered):
        removed += _sweep(connection, statements, into, one)
    _ask(connection, statements, into, feed, counts, linked)
    staging.clear(connection)
    counts = replace(counts, removed=counts.removed + removed)
    if counts.wrote:
        tie_outs.shake(statements)
    return counts


def _sweep(
    connection: sa.Connection, statements: Statements, into: Into, one: sweeping.Range
) -> int:
    """Remove what is missing of an account; where that is a lot, ask the person first."""
    missing, certain = sweeping.missing_in(statements, one)
    if missing and not certain:
        sweeping.ask(connection, into, one, missing)
    return _remove(statements, one.unasked) if missing and certain else 0


def _fill(
    connection: sa.Connection, statements: Statements, batches: Batches, into: Into
) -> Counts | None:
    """Take the short way, where nothing is stored of these accounts yet."""
    blank = not statements.one(_ANY_STORED)
    links = filling.fill(connection, batches, into) if blank else None
    if links is None:
        return None
    inserted = filling.settle(statements, links)
    quarantine.supersede(statements, "transactions")
    tie_outs.shake(statements)  # balances may have been proven where no row was listed yet
    return Counts(inserted=inserted)


def _ask(
    connection: sa.Connection,
    statements: Statements,
    into: Into,
    feed: Feed,
    counts: Counts,
    linked: linking.Linked,
) -> None:
    """Suggest to the person what is likely and not certain."""
    if counts.inserted and feed.pairs_unlinked:
        likely.suggest(connection, statements, into)
    if feed.reissues_ids and 0 < counts.inserted <= reissued.MOST:
        reissued.suggest(connection, statements, into)
    if linked.likely or (counts.wrote and feed.source is None):
        linking.suggest(connection, statements, into, linked)


def _told_in(told: Told, into: Into) -> linking.Told:
    """Return what says of which days of an account every row is told."""
    days: dict[int, list[tuple[date, date]]] = {}
    for one in told.covered:
        days.setdefault(into.accounts[one.account], []).append((one.since, one.until))

    def is_told(account_id: int, day: date) -> bool:
        return any(since <= day <= until for since, until in days.get(account_id, ()))

    return is_told


def _merge(
    statements: Statements, feed: Feed, covered: Sequence[sweeping.Range], told: linking.Told
) -> tuple[Counts, linking.Linked]:
    """Pair, rename, link, change, insert and remove."""
    paired = settling.settle(
        statements, unlinked=feed.pairs_unlinked, sends_removals=feed.sends_removals
    )
    settling.drop_settled_within(statements)
    upserts = statements.one("SELECT count(*) FROM stage WHERE op = 0")
    new, changed = fresh.find(statements)
    renamed = reissued.settle(statements, covered, new) if new else 0
    linked = linking.link(statements, feed.source, told) if new > renamed else linking.Linked()
    if renamed or linked.count or feed.source:  # rows may have become others' meanwhile
        changed = touch.found(statements, _CHANGED)
    if changed:
        images.keep_touched(statements)
        statements.do(_CHANGE)
    if renamed:
        changed += renamed - reissued.count_touched(statements)
    if linked.count:
        changed -= linking.count_touched(statements)
    inserted = statements.do(_INSERT) if new > renamed + linked.count else 0
    settling.remember_links(statements)
    removed = _remove(statements, _TAKEN_BACK)
    quarantine.supersede(statements, "(SELECT * FROM stage WHERE op <> 2)")
    sweeping.forget_seen(statements)
    counts = Counts(
        inserted=inserted,
        changed=changed - paired,
        unchanged=upserts - inserted - changed - linked.count,
        removed=removed,
        paired=paired,
        linked=linked.count,
    )
    return counts, linked


def _remove(statements: Statements, query: str) -> int:
    """Mark the rows that a query gives as taken back; count them."""
    removed = touch.found(statements, query)
    if removed:
        images.keep_touched(statements)
        statements.do(_REMOVE)
    return removed


def statements_for(connection: sa.Connection, into: Into) -> Statements:
    """Return what runs the statements of a merge."""
    sqlite = connection.dialect.name == "sqlite"
    since = into.today - timedelta(days=PENDING_DAYS)
    dated = "coalesce({0}booked_on, {0}authorized_on, {0}value_on, CAST(:today AS {1}))"
    day_type = "text" if sqlite else "date"
    return Statements(
        connection,
        names={
            "accounts": "("
            + (", ".join(str(int(n)) for n in into.accounts.values()) or "NULL")
            + ")",
            "differ": "IS NOT" if sqlite else "IS DISTINCT FROM",
            "dated": dated.format("", day_type),
            "dated_of_s": dated.format("s.", day_type),
            "visible": "0" if sqlite else "false",
        },
        values={
            "owner": into.owner_id,
            "run": into.run_id,
            "connection": into.connection_id,
            "change": into.change_number,
            "now": instant_text(into.now) if sqlite else into.now,
            "today": into.today.isoformat() if sqlite else into.today,
            "since": since.isoformat() if sqlite else since,
        },
    )


def _each(form: str, columns: tuple[str, ...]) -> str:
    return ", ".join(form.format(name) for name in columns)


_COMPARED: Final = SEEN[1:]
_ANY_STORED: Final = "SELECT 1 FROM transactions WHERE account_id IN {accounts} LIMIT 1"
_CHANGED: Final = f"""
    SELECT t.id FROM stage s JOIN transactions t
        ON t.account_id = s.account_id AND t.external_id = s.external_id
    WHERE s.op = 0 AND {fresh.DIFFERS}
"""
# A removed row that comes back revives, as the same row.
# The plus keeps SQLite from walking all that is staged, to find the few that are touched.
_CHANGE: Final = f"""
    UPDATE transactions AS t SET {_each("{0} = s.{0}", _COMPARED)}, dated_on = {{dated_of_s}},
        posted_run_id = CASE WHEN s.status = 'pending' THEN NULL
            WHEN t.status = 'pending' OR t.removed_at IS NOT NULL THEN :run
            ELSE t.posted_run_id END,
        removed_at = NULL, last_run_id = :run, updated_at = :now, change_number = :change
    FROM stage s WHERE t.id IN (SELECT id FROM touched) AND s.op = 0
        AND s.account_id = +t.account_id AND s.external_id = t.external_id
"""
_INSERT: Final = f"""
    INSERT INTO transactions (owner_id, account_id, {", ".join(SEEN)}, dated_on, posted_run_id,
        first_run_id, last_run_id, created_at, updated_at, change_number, hidden)
    SELECT :owner, s.account_id, {_each("s.{0}", SEEN)}, {{dated_of_s}},
        CASE s.status WHEN 'posted' THEN :run END, :run, :run, :now, :now, :change, {{visible}}
    FROM fresh f CROSS JOIN stage s
    WHERE s.account_id = f.account_id AND s.external_id = f.external_id
    ON CONFLICT (account_id, external_id) DO NOTHING
"""
_REMOVE: Final = """
    UPDATE transactions SET removed_at = :now, last_run_id = :run, updated_at = :now,
        change_number = :change
    WHERE id IN (SELECT id FROM touched)
"""
_TAKEN_BACK: Final = """
    SELECT t.id FROM stage s JOIN transactions t
        ON t.account_id = s.account_id AND t.external_id = s.external_id
    WHERE s.op = 1 AND t.removed_at IS NULL
"""
# What a feed without removals stopped speaking of does not stay pending for ever (sync.md 10).
_EXPIRED: Final = """
    SELECT id FROM transactions
    WHERE account_id IN {accounts} AND status = 'pending' AND removed_at IS NULL
        AND coalesce(dated_on, :today) < :since
        AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.op <> 1
            AND s.account_id = transactions.account_id
            AND s.external_id = transactions.external_id)
"""
