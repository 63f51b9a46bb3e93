"""Budgets: how often each provider may be asked, and what is left of that."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import AccountId, ConnectionId, Moment, NextCursor, Outgoing
from penstock.db import budgets
from penstock.db.breakers import QUOTES
from penstock.db.budgets import BudgetRow
from penstock.domain.budget import free_at, left
from penstock.domain.ids import public_id
from penstock.domain.limit import Limit, Scope
from penstock.engine.price_gate import limit_of, limits_of
from penstock.identity.caller import Caller

router = nouns("connections")

Kind = Literal["rate", "quota"]
_SCOPE = Field(description="Whose calls count: app, connection, account.", examples=["app"])
_KIND = Field(description="A rate is spaced evenly, a quota counted.", examples=["rate"])
_CALLS = Field(description="So many calls in any window.", examples=[200])
_WINDOW = Field(description="How long the window is.", examples=[1])
_ENDPOINT = Field(
    description="Of this endpoint only; null: of any. Of `quotes`: a source, or a host of one.",
    examples=["transactions"],
)


class Limited(Outgoing):
    """A limit that is in force, as the connector declares it or the operator sets it."""

    connector: Annotated[str, Field(examples=["sandbox"])]
    scope: Annotated[Scope, _SCOPE]
    kind: Annotated[Kind, _KIND]
    calls: Annotated[int, _CALLS]
    window_seconds: Annotated[int, _WINDOW]
    endpoint: Annotated[str | None, _ENDPOINT]


class ToldLimit(Outgoing):
    """What the bank itself said last."""

    limit: Annotated[int | None, Field(description="Null: it did not say.", examples=[10])]
    left: Annotated[int, Field(description="Less what was spent since.", examples=[0])]
    until: Moment


class Budget(Outgoing):
    """A budget of which something is spent at this moment."""

    connector: Annotated[str, Field(examples=["sandbox"])]
    scope: Annotated[Scope, _SCOPE]
    connection_id: Annotated[ConnectionId | None, Field(description="Null: of all together.")]
    account_id: AccountId | None
    endpoint: Annotated[str | None, _ENDPOINT]
    kind: Annotated[Kind | None, Field(description="Null: only the bank speaks of it.")]
    calls: Annotated[int | None, _CALLS]
    window_seconds: Annotated[int | None, _WINDOW]
    left: Annotated[
        int | None,
        Field(description="Calls that may be made now; null: not counted.", examples=[3]),
    ]
    free_at: Annotated[Moment, Field(description="When the next call may be made.")]
    told: ToldLimit | None


class Budgets(Outgoing):
    """The limits in force, and a page of the budgets that are in use."""

    limits: list[Limited]
    rows: list[Budget]
    next_cursor: NextCursor


@router.get("/budgets")
async def list_budgets(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Budgets:
    """List how often providers may be asked, and what is spent of it: by all, and by yours."""
    now = running.clock()
    found = await running.database.read(
        budgets.page,
        owner_id=caller.user_id,
        now=now,
        after=page.position("budgets", str) or "",
        limit=page.limit + 1,
    )
    shown = found[: page.limit]
    resets = _resets(running)
    more = len(found) > page.limit
    return Budgets(
        limits=list(_limits(running)),
        rows=[_budget(row, account_id, now, resets) for row, account_id in shown],
        next_cursor=cursor_after("budgets", shown[-1][0].key) if more else None,
    )


def _limits(running: Installation) -> Iterator[Limited]:
    for connector in running.connectors.values():
        for limit in running.meters.limits_of(connector):
            yield Limited(
                connector=connector.name,
                scope=limit.scope,
                kind=_kind(limit),
                calls=limit.calls,
                window_seconds=_seconds(limit),
                endpoint=limit.endpoint or None,
            )
    for source in running.sources.used:
        for name, limit in limits_of(source.hosts, source.politeness):
            yield Limited(
                connector=QUOTES,
                scope=limit.scope,
                kind=_kind(limit),
                calls=limit.calls,
                window_seconds=_seconds(limit),
                endpoint=name or source.id,
            )


def _resets(running: Installation) -> dict[str, Limit]:
    """Return the quotas of sources of prices, by their ids: rows do not say when they reset."""
    used = ((source.id, source.politeness.quota) for source in running.sources.used)
    return {name: limit_of(declared) for name, declared in used if declared}


def _budget(
    row: BudgetRow, account_id: int | None, now: datetime, resets: Mapping[str, Limit]
) -> Budget:
    standing, limit = row.standing, row.limit
    if row.connector == QUOTES and limit is not None and not limit.spaced:
        limit = resets.get(row.endpoint, limit)
    told = standing.told_until is not None and standing.told_until > now
    return Budget(
        connector=row.connector,
        scope=row.scope,
        connection_id=public_id("con", row.connection_id) if row.connection_id else None,
        account_id=public_id("acc", account_id) if account_id else None,
        endpoint=row.endpoint or None,
        kind=_kind(limit) if limit else None,
        calls=limit.calls if limit else None,
        window_seconds=_seconds(limit) if limit else None,
        left=left(limit, standing, now),
        free_at=free_at(limit, standing, now),
        told=ToldLimit(
            limit=standing.told_limit, left=standing.told_left or 0, until=standing.told_until
        )
        if told and standing.told_until
        else None,
    )


def _kind(limit: Limit) -> Kind:
    return "rate" if limit.spaced else "quota"


def _seconds(limit: Limit) -> int:
    return round(limit.window.total_seconds())
