"""Mapping again what the bank once said, without asking it."""

from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Attempt, ConnectionId, Outgoing, SyncId, TransactionId
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller

router = nouns("connections")


class FieldChange(Outgoing):
    """A field that is mapped in another way now; null is no value."""

    field: Annotated[str, Field(examples=["description"])]
    before: Annotated[str | None, Field(examples=["BAKERY 17"])]
    after: Annotated[str | None, Field(examples=["Bakery"])]


class Remapped(Outgoing):
    """A row whose mapping differs."""

    transaction_id: TransactionId
    fields: list[FieldChange]


class Replay(Outgoing):
    """What a replay changed, or, of a dry run, what it would."""

    connection_id: ConnectionId
    dry_run: bool
    sync_id: Annotated[
        SyncId | None, Field(description="Under this id it can be undone; null for a dry run.")
    ]
    updates: Annotated[int, Field(description="Updates that were read again.", examples=[3])]
    changed: Annotated[int, Field(description="Rows whose fields differ.", examples=[12])]
    unmapped: Annotated[
        int, Field(description="Rows in quarantine that still cannot be read.", examples=[0])
    ]
    examples: Annotated[list[Remapped], Field(description="The first of them.")]


@router.post("/connections/{connection_id}/replay")
async def replay_connection(
    connection_id: ConnectionId,
    caller: Annotated[Caller, require("write")],
    running: Running,
    body: Attempt | None = None,
) -> Replay:
    """Read all that the bank ever said once more, with the program as it is now, or see it first.

    Only fields of stored rows change: nothing is inserted, revived or removed, no cursor moves,
    and what you wrote stays. The bank is not asked.
    """
    number = row_number("con", connection_id)
    dry = body.dry_run if body else True
    done = await running.replayer.replay(number, owner_id=caller.user_id, dry=dry)
    return Replay(
        connection_id=public_id("con", number),
        dry_run=dry,
        sync_id=None if done.run_id is None else public_id("run", done.run_id),
        updates=done.updates,
        changed=done.changed,
        unmapped=done.unmapped,
        examples=[
            Remapped(
                transaction_id=public_id("txn", one.transaction_id),
                fields=[
                    FieldChange(field=name, before=before, after=after)
                    for name, (before, after) in one.fields.items()
                ],
            )
            for one in done.examples
        ],
    )
