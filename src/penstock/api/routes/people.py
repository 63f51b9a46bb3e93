"""The person who is asking, and where they are signed in."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from penstock.api.auth import SIGNED_IN, require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, Outgoing
from penstock.db import users
from penstock.db.sessions import SessionRow
from penstock.domain.ids import public_id, row_number
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller

_LISTING = "sessions"

router = nouns("people")


class Me(Outgoing):
    """Who you are."""

    id: Annotated[str, Field(examples=["usr_0000000000001"])]
    username: Annotated[str, Field(examples=["ada"])]
    created_at: datetime
    session_id: Annotated[str, Field(examples=["ses_0000000000001"])]
    scopes: Annotated[list[str], Field(examples=[["quotes", "read"]])]


class Session(Outgoing):
    """One place where you are signed in."""

    id: Annotated[str, Field(examples=["ses_0000000000001"])]
    current: Annotated[bool, Field(description="Whether it is the one that is asking.")]
    created_at: datetime
    used_at: Annotated[datetime, Field(description="When its tokens were last renewed.")]
    expires_at: datetime
    address: Annotated[str, Field(examples=["192.0.2.7"])]
    agent: Annotated[str, Field(description="What the program called itself.")]
    client_id: Annotated[
        str,
        Field(
            description="Which program: ours, `browser`, or one that you let in.",
            examples=["penstock"],
        ),
    ]
    scopes: list[str]


class Sessions(Outgoing):
    """A page of sessions."""

    rows: list[Session]
    next_cursor: str | None


class NewPassword(Incoming):
    """A password to replace the present one: at least 8 characters of any kind."""

    old: Annotated[
        str, Field(json_schema_extra={"format": "password"}, examples=["the present one"])
    ]
    new: Annotated[
        str, Field(json_schema_extra={"format": "password"}, examples=["correct horse battery"])
    ]


@router.get("/me")
async def me(caller: Annotated[Caller, require("read")], running: Running) -> Me:
    """Say who the token belongs to."""
    user = await running.database.read(users.get, caller.user_id)
    return Me(
        id=public_id("usr", user.id),
        username=user.username,
        created_at=user.created_at,
        session_id=public_id("ses", caller.session_id),
        scopes=sorted(caller.scopes),
    )


@router.post("/me/password", status_code=204)
async def change_password(
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
    body: NewPassword,
) -> Response:
    """Change your password. You stay signed in here, and nowhere else."""
    await running.identity.change_password(caller, Secret(body.old), Secret(body.new))
    return Response(status_code=204)


@router.get("/sessions")
async def list_sessions(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Sessions:
    """List where you are signed in."""
    after = page.position(_LISTING, int) or 0
    rows = await running.identity.sessions(caller.user_id, after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    return Sessions(
        rows=[_session(row, caller) for row in shown],
        next_cursor=cursor_after(_LISTING, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(
    session_id: str, caller: Annotated[Caller, require("write", own=True)], running: Running
) -> Response:
    """Sign out somewhere else: the session ends with all its tokens."""
    await running.identity.end_session(row_number("ses", session_id), user_id=caller.user_id)
    return Response(status_code=204)


@router.post("/sign-out", status_code=204)
async def sign_out(caller: SIGNED_IN, running: Running) -> Response:
    """Sign out: the session that is asking ends with all its tokens."""
    await running.identity.sign_out(caller)
    return Response(status_code=204)


def _session(row: SessionRow, caller: Caller) -> Session:
    return Session(
        id=public_id("ses", row.id),
        current=row.id == caller.session_id,
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
        client_id=row.client_id,
        scopes=row.scope.split(),
    )
