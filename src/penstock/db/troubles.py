"""What an operator should hear of: connections that fail, age or end, sums and rows that are off.

One query a kind, over everybody's linked connections. No amount of anybody's transactions is in it:
it is told to whoever runs the installation, and over other people's servers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import price_turns
from penstock.db.accounts import accounts
from penstock.db.audit import audit
from penstock.db.connections import connections
from penstock.db.quarantine import quarantine
from penstock.db.tie_outs import tie_outs
from penstock.domain.account import known_as
from penstock.domain.audit import AuditKind
from penstock.domain.consent import ConsentState, warned
from penstock.domain.ids import public_id
from penstock.domain.imported import FILES
from penstock.domain.notice import Finding, NoticeKind, Topic
from penstock.domain.tieout import TieOutStatus

FAILURES: Final = 5
"""So many failures in a row are told."""

LONGEST: Final = timedelta(days=1)
"""So long a connection may fail, or not be synced, before it is told."""

_OPEN: Final = (ConsentState.ACTIVE, ConsentState.EXPIRING)
_RENEW: Final = "Renew it: `penstock connect {connector} --renew {id}`. Nothing is doubled or lost."

_WORKER: Final = "See that a worker runs: `penstock serve` or `penstock worker`."
_RESTS: Final = "An undo paused it, until somebody asks for a sync: `penstock sync {id}`."


@dataclass(frozen=True, slots=True)
class View:
    """From when it is looked at, and how often connections are synced."""

    now: datetime
    every: timedelta


def find(connection: sa.Connection, view: View) -> list[Finding]:
    """Return everything that is not as it should be."""
    linked = connections.select().where(
        connections.c.disconnected_at.is_(None), connections.c.connector != FILES
    )
    found: list[Finding] = []
    for row in connection.execute(linked.order_by(connections.c.id)):
        found += _of_connection(row, view)
    found += _tie_outs(connection)
    found += _quarantine(connection)
    found += _decoys(connection)
    found += _prices(connection)
    return found


def _of_connection(row: sa.Row[Any], view: View) -> Iterator[Finding]:
    if row.consent not in _OPEN:
        yield _consent(row, "ended", "has ended")
        return
    step = warned(row.consent_expires_at, view.now)
    if step == 0:
        yield _consent(row, "ended", "has ended")
    elif step is not None:
        yield _consent(row, str(step), f"ends on {row.consent_expires_at:%Y-%m-%d}")
    age = view.now - (row.last_success_at or row.created_at)
    failing = row.failures and (row.failures >= FAILURES or age >= LONGEST)
    if failing or row.parked_at is not None:
        detail = "parked" if row.parked_at is not None else row.remedy_kind or ""
        text = row.remedy_text or f"`penstock syncs` explains it ({public_id('con', row.id)})."
        title = f"{_name(row)} is not synced: {row.last_outcome or 'it failed'}"
        yield _finding(NoticeKind.FAILING, row, detail, title, text)
    elif not row.failures and age >= max(LONGEST, 2 * view.every):
        text = _WORKER
        if row.paused_at is not None:
            text = _RESTS.format(id=public_id("con", row.id))
        yield _finding(NoticeKind.STALE, row, "", f"{_name(row)} was not synced for a day", text)


def _consent(row: sa.Row[Any], detail: str, what: str) -> Finding:
    text = _RENEW.format(connector=row.connector, id=public_id("con", row.id))
    title = f"the consent for {_name(row)} {what}"
    return _finding(NoticeKind.CONSENT, row, detail, title, text)


def _tie_outs(connection: sa.Connection) -> Iterator[Finding]:
    c, a, t = connections.c, accounts.c, tie_outs.c
    query = (
        sa.select(t.account_id, t.currency, t.amount, t.first_on, a.connection_id)
        .add_columns(a.name, a.mask, a.label.label("account_label"))
        .add_columns(c.label, c.institution_name, c.connector)
        .join(accounts, a.id == t.account_id)
        .join(connections, c.id == a.connection_id)
        .where(t.status == TieOutStatus.DIFFERENCE, c.disconnected_at.is_(None))
        .order_by(t.account_id, t.currency)
    )
    for row in connection.execute(query):
        account = public_id("acc", row.account_id)
        account_name = known_as(row.name, row.mask, row.account_label)
        since = f" since {row.first_on}" if row.first_on else ""
        title = f"{account_name} at {_name(row)} does not add up in {row.currency}{since}"
        yield Finding(
            Topic(NoticeKind.TIE_OUT, f"{account} {row.currency}"),
            row.connection_id,
            f"{row.amount} {row.first_on}",
            title,
            f"`penstock tie-out {account}` says how much the bank's balance has more or less, and "
            "which rows it may come from.",
        )


def _quarantine(connection: sa.Connection) -> Iterator[Finding]:
    c, q = connections.c, quarantine.c
    counts = (
        sa.select(q.connection_id, sa.func.count().label("number"))
        .where(q.resolved_at.is_(None))
        .group_by(q.connection_id)
        .subquery()
    )
    query = (
        sa.select(connections, counts.c.number)
        .join(counts, counts.c.connection_id == c.id)
        .where(c.disconnected_at.is_(None))
        .order_by(c.id)
    )
    for row in connection.execute(query):
        text = "They are kept whole; a newer Penstock may be able to read them."
        title = f"{row.number} rows of {_name(row)} cannot be read"
        grown = str(len(str(row.number)))  # told again when it is ten times as many
        yield _finding(NoticeKind.QUARANTINE, row, grown, title, text)


def _finding(kind: NoticeKind, row: sa.Row[Any], detail: str, title: str, text: str) -> Finding:
    return Finding(Topic(kind, public_id("con", row.id)), row.id, detail, title, text)


def _name(row: sa.Row[Any]) -> str:
    return str(row.label or row.institution_name or row.connector)


def _prices(connection: sa.Connection) -> Iterator[Finding]:
    """Tell of each price that is not believed until a person has looked."""
    for instrument, code, connection_id in price_turns.doubted(connection):
        yield Finding(
            Topic(NoticeKind.PRICE, instrument),
            connection_id,
            code,
            f"A new price of {instrument} is not believed: it does not go with the last one",
            f"`penstock quote {instrument}` shows it. If it is right, accept it, as "
            "docs/how-to/prices.md says; until then the last one counts.",
        )


def _decoys(connection: sa.Connection) -> Iterator[Finding]:
    """Tell of each use of a decoy. A notice hangs on a connection: here on whichever is first."""
    last = sa.select(sa.func.max(audit.c.number)).where(audit.c.kind == AuditKind.DECOY_TOUCHED)
    number = connection.execute(last).scalar_one()
    first = connection.execute(sa.select(sa.func.min(connections.c.id))).scalar_one()
    if number is None or first is None:
        return
    yield Finding(
        Topic(NoticeKind.DECOY, "decoys"),
        first,
        str(number),
        "A decoy was used: somebody has a copy of the database",
        f"`penstock audit list --kind {AuditKind.DECOY_TOUCHED}` says which and from where. "
        "What to do then is in docs/how-to/audit.md.",
    )
