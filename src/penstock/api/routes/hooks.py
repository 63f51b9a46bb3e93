"""Webhooks: the address that providers call, and what a person sees of it."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Request
from pydantic import Field

from penstock.api.auth import open_to_all, require
from penstock.api.errors import BodyTooLarge
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import ANY_QUERY, nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import ConnectionId, Moment, NextCursor, Outgoing
from penstock.db import connections, hooks
from penstock.db.connections import ConnectionRow
from penstock.db.hooks import SubscriptionRow
from penstock.domain.hook import Hooks as Declared
from penstock.domain.ids import public_id, row_number
from penstock.engine.hooks import MOST_BYTES, Heard
from penstock.engine.subscribing import hook_url
from penstock.identity.caller import Caller

router = nouns("hooks")


class Taken(Outgoing):
    """What became of a webhook: `heard`, `duplicate`, or `waiting` to be verified."""

    outcome: Annotated[Heard, Field(examples=["heard"])]


class Hook(Outgoing):
    """How the provider of a connection tells us that there is news."""

    connection_id: ConnectionId
    connector: Annotated[str, Field(examples=["sandbox"])]
    url: Annotated[
        str | None,
        Field(description="Where it is to send them; null while PENSTOCK_PUBLIC_URL is not set."),
    ]
    where: Annotated[str, Field(description="Where a person sets the address, if we cannot.")]
    subscribed_at: Annotated[Moment | None, Field(description="Since when we have asked for them.")]
    last_kind: Annotated[str | None, Field(examples=["TRANSACTION_CREATED"])]
    last_at: Moment | None


class Hooks(Outgoing):
    """A page of them."""

    rows: list[Hook]
    next_cursor: NextCursor


@router.post(
    "/hooks/{connector}/{connection_id}",
    dependencies=[open_to_all("a provider calls here; its signature is what opens it")],
    include_in_schema=False,
)
async def take_hook(
    connector: Annotated[str, Path(max_length=40)],
    connection_id: ConnectionId,
    request: Request,
    running: Running,
    _query: Annotated[None, ANY_QUERY],
) -> Taken:
    """Take a provider's webhook. It is answered before anybody is asked anything."""
    names = running.inbox.headers_of(connector)
    number = row_number("con", connection_id)
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise BodyTooLarge(f"A webhook has at most {MOST_BYTES // 1024} KiB here.")
    headers = {name: request.headers[name] for name in names if name in request.headers}
    return Taken(outcome=await running.inbox.take(connector, number, headers, body))


@router.get("/hooks")
async def list_hooks(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Hooks:
    """List how the providers of your connections tell us that there is news."""
    after = page.position("hooks", int) or 0
    rows = await running.database.read(
        connections.page, owner_id=caller.user_id, after=after, limit=page.limit + 1
    )
    shown = rows[: page.limit]
    telling = [row for row in shown if row.disconnected_at is None and _declared(running, row)]
    numbers = [row.id for row in telling]
    asked = await running.database.read(hooks.subscriptions_of, numbers)
    heard = await running.database.read(hooks.last_heard, numbers)
    return Hooks(
        rows=[_shape(running, row, asked.get(row.id), heard.get(row.id)) for row in telling],
        next_cursor=cursor_after("hooks", shown[-1].id) if len(rows) > page.limit else None,
    )


def _declared(running: Installation, row: ConnectionRow) -> Declared | None:
    connector = running.connectors.get(row.connector)
    return connector.hooks if connector else None


def _shape(
    running: Installation,
    row: ConnectionRow,
    asked: SubscriptionRow | None,
    heard: tuple[str, datetime] | None,
) -> Hook:
    public = running.settings.public_url
    declared = _declared(running, row)
    return Hook(
        connection_id=public_id("con", row.id),
        connector=row.connector,
        url=hook_url(str(public) if public else None)(row.connector, row.id),
        where=declared.where if declared else "",
        subscribed_at=asked.created_at if asked else None,
        last_kind=heard[0] if heard else None,
        last_at=heard[1] if heard else None,
    )
