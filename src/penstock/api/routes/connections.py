"""Connections: how fresh each one is, what it asks for, and how it ends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    ConnectionId,
    Incoming,
    Line,
    Moment,
    NextCursor,
    Outgoing,
    Remedy,
    SyncId,
    Yes,
)
from penstock.api.standing import Counted, Freshness, count, freshness_of, remedy_of
from penstock.db import connections
from penstock.db.connections import ConnectionRow
from penstock.domain.consent import ConsentState, standing
from penstock.domain.ids import public_id, row_number
from penstock.domain.outcome import Outcome
from penstock.engine import edit
from penstock.identity.caller import Caller

router = nouns("connections")


class Institution(Outgoing):
    """The bank, broker or card issuer, as its provider names it."""

    id: Annotated[str, Field(examples=["sandbox"])]
    name: Annotated[str, Field(examples=["Sandbox bank"])]


class Consent(Outgoing):
    """What the person allowed, and until when."""

    state: Annotated[ConsentState, Field(examples=["active"])]
    expires_at: Moment | None
    days_left: Annotated[
        int | None, Field(description="Whole days until then; null where there is no end.")
    ]


class Paused(Outgoing):
    """A connection that is not synced by itself until somebody asks for a sync of it."""

    at: Moment
    reason: Annotated[str, Field(description="`undone`: its latest sync was.", examples=["undone"])]


class Connection(Outgoing):
    """One person's access to one institution."""

    id: ConnectionId
    name: Annotated[
        str, Field(description="The label, else the institution's name.", examples=["Sandbox Bank"])
    ]
    label: Annotated[str | None, Field(description="What the person calls it.", examples=["Joint"])]
    connector: Annotated[str, Field(examples=["sandbox"])]
    institution: Annotated[Institution | None, Field(description="Known after the first sync.")]
    consent: Consent
    freshness: Freshness
    last_outcome: Annotated[
        Outcome | None, Field(description="How the last sync ended.", examples=["done"])
    ]
    last_sync_id: SyncId | None
    paused: Paused | None
    failures: Annotated[int, Field(description="In a row, since the last success.", examples=[0])]
    remedy: Remedy | None
    next_sync_at: Annotated[
        Moment | None, Field(description="By itself; null where only you can start it.")
    ]
    accounts: Annotated[int, Field(description="How many there are.", examples=[2])]
    quarantined: Annotated[
        int, Field(description="Rows of the bank that could not be read.", examples=[0])
    ]
    suggestions: Annotated[int, Field(description="Those that wait for you.", examples=[0])]
    created_at: Moment
    disconnected_at: Moment | None


class Connections(Outgoing):
    """A page of connections."""

    rows: list[Connection]
    next_cursor: NextCursor


class ConnectionEdit(Incoming):
    """What to change of a connection; null takes the label away."""

    label: Annotated[Line | None, Field(examples=["Joint bank"])]


class Disconnected(Outgoing):
    """How a connection ended."""

    id: ConnectionId
    revoked: Annotated[
        bool | None,
        Field(
            description="Whether the bank confirmed that our access has ended; null: it had ended "
            "before, and the bank was not asked.",
            examples=[True],
        ),
    ]
    retried: Annotated[
        bool,
        Field(
            description="Whether the bank did not confirm it, and is asked again until it has.",
            examples=[False],
        ),
    ]
    data_deleted: Annotated[bool, Field(description="Whether its rows are deleted here too.")]


@router.get("/connections")
async def list_connections(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Connections:
    """List connections in the order they were made, with their freshness and what they ask for."""
    after = page.position("connections", int) or 0
    rows, counted = await running.database.read(
        _read_page, owner_id=caller.user_id, after=after, limit=page.limit + 1
    )
    shown = rows[: page.limit]
    return Connections(
        rows=[shape(row, counted, running) for row in shown],
        next_cursor=cursor_after("connections", shown[-1].id) if len(rows) > page.limit else None,
    )


@router.get("/connections/{connection_id}")
async def get_connection(
    connection_id: ConnectionId, caller: Annotated[Caller, require("read")], running: Running
) -> Connection:
    """Show one connection."""
    return await one(running, row_number("con", connection_id), caller.user_id)


@router.patch("/connections/{connection_id}")
async def edit_connection(
    connection_id: ConnectionId,
    body: ConnectionEdit,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> Connection:
    """Give a connection a name of your own, or take it away."""
    number = row_number("con", connection_id)
    await running.database.write(
        edit.rename_connection, number, body.label, owner_id=caller.user_id
    )
    return await one(running, number, caller.user_id)


@router.delete("/connections/{connection_id}")
async def disconnect(
    connection_id: ConnectionId,
    caller: Annotated[Caller, require("connect", fresh=True)],
    running: Running,
    delete_data: Annotated[Yes, Query(description="Erase the history as well.")] = False,
) -> Disconnected:
    """End a connection: our access is revoked at the bank and the credentials are wiped.

    The history stays, unless `delete_data` is true; then it leaves stubs in the change feed.
    """
    number = row_number("con", connection_id)
    ended = await running.forgetter.disconnect(number, owner_id=caller.user_id, delete=delete_data)
    return Disconnected(
        id=public_id("con", number),
        revoked=ended.revoked,
        retried=ended.retried,
        data_deleted=delete_data,
    )


async def one(running: Installation, number: int, owner_id: int) -> Connection:
    """Return one of the owner's connections as it is shown. Raises NotFound."""
    row, counted = await running.database.read(_read_one, number, owner_id=owner_id)
    return shape(row, counted, running)


def shape(row: ConnectionRow, counted: Counted, running: Installation) -> Connection:
    """Return a connection as it is shown."""
    known = row.institution_name is not None
    quarantined = counted.quarantined.get(row.id, 0)
    return Connection(
        id=public_id("con", row.id),
        name=row.label or row.institution_name or row.connector,
        label=row.label,
        connector=row.connector,
        institution=Institution(id=row.institution_id or "", name=row.institution_name or "")
        if known
        else None,
        consent=_consent(row, running.clock()),
        freshness=freshness_of(row, running),
        last_outcome=Outcome(row.last_outcome) if row.last_outcome else None,
        last_sync_id=public_id("run", row.last_run_id) if row.last_run_id else None,
        paused=Paused(at=row.paused_at, reason=row.paused_reason or "") if row.paused_at else None,
        failures=row.failures,
        remedy=remedy_of(row, quarantined, running.clock()),
        next_sync_at=None if row.paused_at or row.parked_at else row.next_sync_at,
        accounts=counted.accounts.get(row.id, 0),
        quarantined=quarantined,
        suggestions=counted.suggestions.get(row.id, 0),
        created_at=row.created_at,
        disconnected_at=row.disconnected_at,
    )


def _read_page(
    connection: sa.Connection, *, owner_id: int, after: int, limit: int
) -> tuple[Sequence[ConnectionRow], Counted]:
    rows = connections.page(connection, owner_id=owner_id, after=after, limit=limit)
    return rows, count(connection, owner_id=owner_id)


def _read_one(
    connection: sa.Connection, number: int, *, owner_id: int
) -> tuple[ConnectionRow, Counted]:
    row = connections.get(connection, number, owner_id=owner_id)
    return row, count(connection, owner_id=owner_id)


def _consent(row: ConnectionRow, now: datetime) -> Consent:
    ends = row.consent_expires_at
    return Consent(
        state=standing(row.consent, ends, now),
        expires_at=ends,
        days_left=None if ends is None else max((ends - now).days, 0),
    )
