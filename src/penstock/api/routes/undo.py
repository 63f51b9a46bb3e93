"""Taking back what the latest sync of a connection did."""

from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Attempt, HoldingId, Outgoing, SyncId, TransactionId
from penstock.domain.ids import public_id, row_number
from penstock.engine import undo as engine
from penstock.engine.own_run import DryRun
from penstock.engine.undo import Undone
from penstock.identity.caller import Caller

router = nouns("syncs")


class UndoneSync(Outgoing):
    """What was taken back, or, of a dry run, what would be."""

    sync_id: SyncId
    dry_run: bool
    restored: Annotated[
        int, Field(description="Rows and holdings as they were before.", examples=[4])
    ]
    deleted: Annotated[int, Field(description="Those that it had brought, and are gone.")]
    kept: Annotated[
        list[TransactionId],
        Field(description="Rows that changed again since: they stay as they are.", examples=[[]]),
    ]
    kept_holdings: Annotated[
        list[HoldingId],
        Field(description="Holdings of which the same is true.", examples=[[]]),
    ]


@router.post("/syncs/{sync_id}/undo")
async def undo_sync(
    sync_id: SyncId,
    caller: Annotated[Caller, require("write")],
    running: Running,
    body: Attempt | None = None,
) -> UndoneSync:
    """Take back what the latest sync of a connection did, or see what that would mean.

    Rows and cursors are as before it; rows that you or anybody changed since stay, and are listed.
    The connection is paused: else the next sync would bring the same again at once.
    """
    number = row_number("run", sync_id)
    dry = body.dry_run if body else True
    done = await _undo(running, number, caller.user_id, dry=dry)
    return UndoneSync(
        sync_id=public_id("run", number),
        dry_run=dry,
        restored=done.restored,
        deleted=done.deleted,
        kept=[public_id("txn", row) for row in done.kept],
        kept_holdings=[public_id("hol", row) for row in done.kept_holdings],
    )


async def _undo(running: Installation, number: int, owner_id: int, *, dry: bool) -> Undone:
    try:
        return await running.database.write(
            engine.undo, number, owner_id=owner_id, now=running.clock(), dry=dry
        )
    except DryRun as end:
        if isinstance(end.result, Undone):
            return end.result
        raise
