"""The audit log: who did what, when, and from where."""

from datetime import UTC, datetime, time
from typing import Annotated, Any, Final

import msgspec
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Day, Moment, NextCursor, Outgoing
from penstock.db import audit
from penstock.db.audit import AuditRow
from penstock.domain.asking import Via
from penstock.domain.audit import AuditKind
from penstock.domain.ids import public_id
from penstock.identity.caller import Caller
from penstock.identity.scopes import Scope

router = nouns("people")

_PERSON: Final[dict[str, Any]] = {"examples": ["usr_0000000000001"]}


class AuditRecord(Outgoing):
    """One deed."""

    number: Annotated[int, Field(description="Counts up without a gap.", examples=[12])]
    at: Moment
    kind: Annotated[str, Field(description="What was done.", examples=["signed_in"])]
    user_id: Annotated[str | None, Field(description="Whom it concerns.", **_PERSON)]
    subject: Annotated[
        str, Field(description="What it was done to; empty: to nothing that has an id.")
    ]
    via: Annotated[
        Via,
        Field(
            description="`local`: by a command on the installation itself; `program`: by Penstock.",
            examples=["api"],
        ),
    ]
    actor_id: Annotated[str | None, Field(description="Who was signed in and did it.", **_PERSON)]
    session_id: Annotated[str | None, Field(examples=["ses_0000000000001"])]
    address: Annotated[str | None, Field(description="From where.", examples=["192.0.2.7"])]
    request_id: Annotated[str | None, Field(examples=["6d0f1c"])]
    facts: Annotated[dict[str, str], Field(examples=[{"methods": "pwd"}])]


class AuditRecords(Outgoing):
    """A page of records, the newest first."""

    rows: list[AuditRecord]
    next_cursor: NextCursor


@router.get("/audit")
async def list_audit(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    kind: Annotated[AuditKind | None, Query(description="Only deeds of this kind.")] = None,
    since: Annotated[Day | None, Query(description="Of this day (UTC) or later.")] = None,
) -> AuditRecords:
    """List who did what: all of it with the scope `admin`, else what they did or concerns them.

    Records cannot be changed. `penstock audit verify` proves that none was.
    """
    listing = f"audit {kind} {since}"
    rows = await running.database.read(
        audit.page,
        owner_id=None if Scope.ADMIN in caller.scopes else caller.user_id,
        kind=kind,
        since=datetime.combine(since, time(), UTC) if since else None,
        before=page.position(listing, int),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    return AuditRecords(
        rows=[_record(row) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].number) if len(rows) > page.limit else None,
    )


def _record(row: AuditRow) -> AuditRecord:
    return AuditRecord(
        number=row.number,
        at=row.at,
        kind=row.kind,
        user_id=_id("usr", row.user_id),
        subject=row.subject,
        via=Via(row.via),
        actor_id=_id("usr", row.actor_id),
        session_id=_id("ses", row.session_id),
        address=row.address,
        request_id=row.request_id,
        facts=msgspec.json.decode(row.facts, type=dict[str, str]),
    )


def _id(prefix: str, number: int | None) -> str | None:
    return None if number is None else public_id(prefix, number)
