"""Breakers: institutions that have trouble of their own, and are left alone for now."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Moment, NextCursor, Outgoing
from penstock.db import breakers
from penstock.db.breakers import BreakerRow
from penstock.domain.breaker import BreakerState
from penstock.identity.caller import Caller

router = nouns("connections")


class Breaker(Outgoing):
    """An institution where syncs met trouble.

    `closed`: it is asked as ever. `open`: nobody asks it. `half_open`: one sync finds out whether
    it is well again, the others wait.
    """

    connector: Annotated[str, Field(examples=["sandbox"])]
    institution_id: Annotated[
        str | None, Field(description="Null: one that is not known yet.", examples=["sandbox"])
    ]
    state: Annotated[BreakerState, Field(examples=["open"])]
    failed_syncs: Annotated[int, Field(description="In a row, as far as counted.", examples=[3])]
    opened_at: Moment | None
    probe_at: Annotated[Moment | None, Field(description="When it is tried again.")]


class Breakers(Outgoing):
    """The breakers, in one page. Institutions that are well are not listed."""

    rows: list[Breaker]
    next_cursor: NextCursor


@router.get("/breakers")
async def list_breakers(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,  # noqa: ARG001 - they fit on one page; a reader of lists may still ask for pages
) -> Breakers:
    """List institutions of yours, and whole providers, that have trouble of their own."""
    now = running.clock()
    found = await running.database.read(breakers.seen_by, owner_id=caller.user_id)
    return Breakers(rows=[_breaker(row, now) for row in found], next_cursor=None)


def _breaker(row: BreakerRow, now: datetime) -> Breaker:
    return Breaker(
        connector=row.connector,
        institution_id=row.institution or None,
        state=row.breaker.state(now),
        failed_syncs=len(row.breaker.failed),
        opened_at=row.breaker.opened_at,
        probe_at=row.breaker.open_until,
    )
