"""Quarantine: what the bank sent and we could not read, kept whole, and tried once more."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    ConnectionId,
    Incoming,
    Moment,
    NextCursor,
    Outgoing,
    QuarantineId,
    SyncId,
    Yes,
)
from penstock.db import connections, quarantine
from penstock.db.quarantine import Kept
from penstock.domain.errors import Conflict
from penstock.domain.ids import public_id, row_number
from penstock.engine.retry import Retried, retry
from penstock.identity.caller import Caller

router = nouns("quarantine")


class Quarantined(Outgoing):
    """A row that could not be mapped. It is in no list of transactions, and in no sum."""

    id: QuarantineId
    connection_id: ConnectionId
    sync_id: Annotated[SyncId, Field(description="The sync that brought it.")]
    account_external_id: Annotated[
        str | None, Field(description="The provider's id of its account.", examples=["acc-1"])
    ]
    external_id: Annotated[
        str | None, Field(description="The provider's id of the row.", examples=["tx-17"])
    ]
    reason: Annotated[str, Field(description="Why not.", examples=["`amount` is missing"])]
    created_at: Moment
    resolved_at: Annotated[Moment | None, Field(description="Null: it is still open.")]
    resolution: Annotated[
        str | None,
        Field(
            description="`mapped`: a later try read it. `superseded`: the bank told it again.",
            examples=["mapped"],
        ),
    ]


class QuarantinedWhole(Quarantined):
    """Such a row with all that the bank sent."""

    raw: Annotated[str, Field(description="As it came.", examples=['{"id": "tx-17"}'])]


class QuarantinedRows(Outgoing):
    """A page of rows in quarantine, oldest first."""

    rows: list[Quarantined]
    next_cursor: NextCursor


class Which(Incoming):
    """Of which connection."""

    connection: Annotated[
        ConnectionId | None, Field(description="Null, or left out: of all of yours.")
    ] = None


class RetriedConnection(Outgoing):
    """What became of a connection's rows."""

    connection_id: ConnectionId
    mapped: Annotated[int, Field(description="Rows that could be read now.", examples=[2])]
    left: Annotated[int, Field(description="Rows that are left.", examples=[0])]
    message: Annotated[
        str | None, Field(description="Why nothing was tried, where it was not.", examples=[None])
    ]


class RetriedConnections(Outgoing):
    """What became of the rows, by connection; one that has none is not named."""

    rows: list[RetriedConnection]
    mapped: Annotated[int, Field(examples=[2])]
    left: Annotated[int, Field(examples=[0])]


@router.get("/quarantine")
async def list_quarantine(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    every: Annotated[Yes, Query(description="Those that need no more care too.")] = False,
) -> QuarantinedRows:
    """List rows of the bank that could not be read, the oldest first."""
    listing = f"quarantine {every}"
    rows = await running.database.read(
        quarantine.page,
        owner_id=caller.user_id,
        every=every,
        after=page.position(listing, int) or 0,
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    return QuarantinedRows(
        rows=[Quarantined(**_fields(row)) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.get("/quarantine/{quarantine_id}")
async def get_quarantined(
    quarantine_id: QuarantineId, caller: Annotated[Caller, require("read")], running: Running
) -> QuarantinedWhole:
    """Show one of them, with all that the bank sent."""
    number = row_number("qua", quarantine_id)
    row = await running.database.read(quarantine.get, number, owner_id=caller.user_id)
    return QuarantinedWhole(**_fields(row), raw=row.raw.decode("utf-8", "replace"))


@router.post("/quarantine/retry")
async def retry_quarantine(
    caller: Annotated[Caller, require("sync")], running: Running, body: Which | None = None
) -> RetriedConnections:
    """Try to read them once more, with the program as it is now. The bank is not asked.

    Those that can be read are stored as a sync would have stored them.
    """
    named = body.connection if body else None
    if named is not None:
        chosen = [row_number("con", named)]
        await running.database.read(connections.get, chosen[0], owner_id=caller.user_id)
        rows = [await _retry(running, chosen[0], caller.user_id)]
    else:
        chosen = await running.database.read(
            quarantine.connections_with_open, owner_id=caller.user_id
        )
        rows = [await _retry_if_free(running, number, caller.user_id) for number in chosen]
    return RetriedConnections(
        rows=rows, mapped=sum(row.mapped for row in rows), left=sum(row.left for row in rows)
    )


async def _retry(running: Installation, number: int, owner_id: int) -> RetriedConnection:
    if not await running.database.read(quarantine.count_open, number):
        return _told(number, Retried(0, 0))
    done = await running.database.write(
        retry,
        number,
        owner_id=owner_id,
        connectors=running.connectors,
        now=running.clock(),
    )
    return _told(number, done)


async def _retry_if_free(running: Installation, number: int, owner_id: int) -> RetriedConnection:
    """One that is busy does not hold back the others."""
    try:
        return await _retry(running, number, owner_id)
    except Conflict as busy:
        left = await running.database.read(quarantine.count_open, number)
        return _told(number, Retried(0, left), busy.message)


def _told(number: int, done: Retried, message: str | None = None) -> RetriedConnection:
    return RetriedConnection(
        connection_id=public_id("con", number), mapped=done.mapped, left=done.left, message=message
    )


def _fields(row: Kept) -> dict[str, object]:
    return {
        "id": public_id("qua", row.id),
        "connection_id": public_id("con", row.connection_id),
        "sync_id": public_id("run", row.run_id),
        "account_external_id": row.account,
        "external_id": row.external_id,
        "reason": row.reason,
        "created_at": row.created_at,
        "resolved_at": row.resolved_at,
        "resolution": row.resolution,
    }
