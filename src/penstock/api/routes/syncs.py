"""Syncs: starting one, watching it, and reading afterwards what it did and why it ended so."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.rows import MEDIA_TYPE
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    ConnectionId,
    Incoming,
    Moment,
    NextCursor,
    Outgoing,
    Remedy,
    SyncId,
    remedy,
)
from penstock.db import connections, runs
from penstock.db.runs import RunRow
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.ids import public_id, row_number
from penstock.domain.imported import FILES
from penstock.engine.opening import find_running
from penstock.identity.caller import Caller
from penstock.observe.log import current_request_id, get_logger

router = nouns("syncs")

_TRIGGER: Final = "person"
_AT_ONCE: Final = 200

log = get_logger("penstock.api")

Count = Annotated[int, Field(examples=[0])]


class Counts(Outgoing):
    """What a sync did. Waits are milliseconds, sizes bytes."""

    pages: Annotated[int, Field(description="Pages read.", examples=[3])]
    requests: Annotated[int, Field(description="Requests sent to the bank.", examples=[7])]
    retries: Annotated[int, Field(description="Those of them that were sent again.", examples=[1])]
    throttled: Annotated[int, Field(description="Times the bank said: slower.", examples=[1])]
    refreshes: Annotated[int, Field(description="Times the token was renewed.", examples=[0])]
    restarts: Annotated[int, Field(description="Times an update began anew.", examples=[0])]
    waited_ms: Annotated[int, Field(examples=[1000])]
    received_bytes: Annotated[int, Field(examples=[8123])]
    inserted: Annotated[int, Field(description="Rows that were not there at all.", examples=[15])]
    changed: Count
    unchanged: Annotated[int, Field(description="Read again, and not written.", examples=[0])]
    removed: Annotated[int, Field(description="Taken back by the bank.", examples=[0])]
    paired: Annotated[int, Field(description="Pending rows that became posted.", examples=[0])]
    linked: Annotated[
        int, Field(description="Rows that another source had told already.", examples=[0])
    ]
    quarantined: Annotated[
        int, Field(description="Rows that could not be read, and are kept aside.", examples=[0])
    ]
    holdings: Annotated[
        int, Field(description="Positions that are new, changed or held no more.", examples=[0])
    ]


class Sync(Outgoing):
    """One sync of one connection."""

    id: SyncId
    connection_id: ConnectionId
    trigger: Annotated[str, Field(description="Who or what wanted it.", examples=["person"])]
    started_at: Moment
    finished_at: Moment | None
    undone_at: Annotated[Moment | None, Field(description="What it did was taken back.")]
    outcome: Annotated[
        str,
        Field(
            description="`queued`: it waits for its turn; `running`; `done`; else why not: "
            "`not_ready`, `transient`, `throttled`, `cursor_lost`, `partial`, `contract`, "
            "`consent`, `interrupted`.",
            examples=["done"],
        ),
    ]
    message: Annotated[str | None, Field(examples=["The bank is not ready yet."])]
    remedy: Remedy | None
    counts: Annotated[Counts, Field(description="While it runs they grow.")]
    request_id: Annotated[
        str | None,
        Field(description="The X-Request-ID that started it.", examples=["5f8c0d2e9b1a4f7c"]),
    ]


class Syncs(Outgoing):
    """A page of syncs, newest first."""

    rows: list[Sync]
    next_cursor: NextCursor


class Order(Incoming):
    """How to sync."""

    from_start: Annotated[
        bool,
        Field(description="Read all again, from no cursor. Nothing is doubled.", examples=[False]),
    ] = False


class OneOrder(Order):
    """How to sync one connection."""

    unless_running: Annotated[
        SyncId | None,
        Field(
            description="Begin nothing, and ask for no second sync, while this one runs. For who "
            "watches one that does not move: its process may have died.",
        ),
    ] = None


@router.post("/connections/{connection_id}/syncs", status_code=202, response_model=Sync)
async def sync_connection(
    connection_id: ConnectionId,
    caller: Annotated[Caller, require("sync")],
    running: Running,
    body: OneOrder | None = None,
) -> Response:
    """Start a sync, or find the one that is running; watch it under the address in `Location`.

    One that runs already is followed by another: it may have read past what you wait for.
    """
    number = row_number("con", connection_id)
    await running.database.read(connections.get, number, owner_id=caller.user_id)
    watched = body.unless_running if body else None
    run_id = await _still_running(running, number, watched) if watched else None
    if run_id is None:
        run_id = await _start(running, number, body)
    sync = await _one(running, run_id, caller.user_id)
    headers = {"Location": f"/v1/syncs/{sync.id}"}
    return Response(sync.model_dump_json(), 202, headers, media_type=MEDIA_TYPE)


@router.post("/syncs", status_code=202)
async def sync_all(
    caller: Annotated[Caller, require("sync")], running: Running, body: Order | None = None
) -> Syncs:
    """Start a sync of every connection that has not been disconnected.

    One that cannot be started stops no other: it is not among the answer's.
    """
    found = await running.database.read(_connected, owner_id=caller.user_id)
    started = await _start_each(running, found, body)
    rows = [await _one(running, run_id, caller.user_id) for run_id in started]
    return Syncs(rows=rows, next_cursor=None)


@router.get("/syncs")
async def list_syncs(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    connection: Annotated[
        ConnectionId | None, Query(description="Of this connection only.")
    ] = None,
) -> Syncs:
    """List syncs, the newest first, each one explained."""
    connection_id = row_number("con", connection) if connection is not None else None
    listing = f"syncs {connection_id}"
    rows = await running.database.read(
        runs.page,
        owner_id=caller.user_id,
        connection_id=connection_id,
        before=page.position(listing, int),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    return Syncs(
        rows=[_shape(row, running) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.get("/syncs/{sync_id}")
async def get_sync(
    sync_id: SyncId, caller: Annotated[Caller, require("read")], running: Running
) -> Sync:
    """Show one sync; while it runs, its counts are those of this moment."""
    return await _one(running, row_number("run", sync_id), caller.user_id)


async def _start(running: Installation, number: int, body: Order | None) -> int:
    return await running.runner.sync_now(
        number,
        trigger=_TRIGGER,
        from_start=body.from_start if body else False,
        request_id=current_request_id(),
    )


async def _start_each(
    running: Installation, numbers: Sequence[int], body: Order | None
) -> list[int]:
    """Start what can be started. Raises what was in the way of the last, where none could be."""
    started: list[int] = []
    failed: Exception | None = None
    for number in numbers:
        try:
            started.append(await _start(running, number, body))
        except (Conflict, NotFound):  # it was disconnected a moment ago
            continue
        except Exception as error:
            log.exception("sync.not_started", connection=public_id("con", number))
            failed = error
    if failed is not None and not started:
        raise failed
    return started


async def _still_running(running: Installation, number: int, watched: str) -> int | None:
    """Return the sync that is watched, where its process is alive; else None."""
    run_id = row_number("run", watched)
    found = await running.database.read(find_running, number, now=running.clock())
    return run_id if found == run_id else None


async def _one(running: Installation, run_id: int, owner_id: int) -> Sync:
    row = await running.database.read(runs.get, run_id, owner_id=owner_id)
    return _shape(row, running)


def _shape(row: RunRow, running: Installation) -> Sync:
    live = running.runner.live(row.id) if row.outcome == runs.RUNNING else None
    return Sync(
        id=public_id("run", row.id),
        connection_id=public_id("con", row.connection_id),
        trigger=row.trigger,
        started_at=row.started_at,
        finished_at=row.finished_at,
        undone_at=row.undone_at,
        outcome=row.outcome,
        message=row.message,
        remedy=remedy(row.remedy_kind, row.remedy_text, row.retry_at),
        counts=Counts(**asdict(live or row.tally)),
        request_id=row.request_id,
    )


def _connected(connection: sa.Connection, *, owner_id: int) -> Sequence[int]:
    """Return the numbers of all of the owner's connections with a bank that are not ended."""
    found: list[int] = []
    after = 0
    while rows := connections.page(connection, owner_id=owner_id, after=after, limit=_AT_ONCE):
        found += [row.id for row in rows if row.disconnected_at is None and row.connector != FILES]
        after = rows[-1].id
    return found
