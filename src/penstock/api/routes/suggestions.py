"""Suggestions: what is likely and not certain, for the person to accept or to refuse."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Final, Protocol

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.brief import Brief, briefs
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    AccountId,
    Moment,
    NextCursor,
    Outgoing,
    SuggestionId,
    SyncId,
)
from penstock.db import suggestions
from penstock.db.suggestions import Kind, Role, State, Suggested
from penstock.domain.ids import public_id, row_number
from penstock.engine import decide
from penstock.identity.caller import Caller

router = nouns("suggestions")

LISTED: Final = 20
"""How many rows of a suggestion stand in a list: a sweep may be about all of an account."""
SHOWN: Final = 500
"""And how many where one is asked for by its id."""


class SuggestedRow(Outgoing):
    """A transaction that a suggestion is about."""

    role: Annotated[
        Role,
        Field(
            description="`pending` would become `posted`, and `old` go on as `new`; `missing`: no "
            "longer told by the bank.",
            examples=["pending"],
        ),
    ]
    transaction: Brief


class Suggestion(Outgoing):
    """Something that is likely and not certain. Until it is decided nothing is done."""

    id: SuggestionId
    account_id: AccountId
    sync_id: Annotated[SyncId, Field(description="The sync that made us think so.")]
    kind: Annotated[
        Kind,
        Field(
            description="`pair`: make one of a pending row and a posted one. `reissued`: make one "
            "of two posted rows that say the same. `twice`: make one of two that a file and a "
            "bank, or two files, tell. `sweep`: mark rows as taken back, which the bank no longer "
            "tells.",
            examples=["pair"],
        ),
    ]
    reason: Annotated[str, Field(examples=["The bank no longer tells 14 rows."])]
    state: Annotated[
        State,
        Field(description="`gone`: what it spoke of is no longer so.", examples=["open"]),
    ]
    row_count: Annotated[int, Field(description="How many rows it is about.", examples=[2])]
    rows: Annotated[
        list[SuggestedRow],
        Field(description=f"The first {LISTED} of them in a list, the first {SHOWN} of one."),
    ]
    created_at: Moment
    decided_at: Moment | None


class Suggestions(Outgoing):
    """A page of suggestions, oldest first."""

    rows: list[Suggestion]
    next_cursor: NextCursor


class _Decision(Protocol):
    def __call__(
        self, connection: sa.Connection, number: int, *, owner_id: int, now: datetime
    ) -> Suggested: ...


@router.get("/suggestions")
async def list_suggestions(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    state: Annotated[State, Query(description="In this state.", examples=["open"])] = State.OPEN,
) -> Suggestions:
    """List suggestions, the oldest first: those that wait for a decision, or decided ones."""
    listing = f"suggestions {state}"
    rows, known = await running.database.read(
        _read_page,
        owner_id=caller.user_id,
        state=state,
        after=page.position(listing, int) or 0,
        limit=page.limit + 1,
        today=running.clock().date(),
    )
    shown = rows[: page.limit]
    return Suggestions(
        rows=[_shape(row, known, LISTED) for row in shown],
        next_cursor=cursor_after(listing, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.get("/suggestions/{suggestion_id}")
async def get_suggestion(
    suggestion_id: SuggestionId, caller: Annotated[Caller, require("read")], running: Running
) -> Suggestion:
    """Show one suggestion, whatever became of it."""
    return await _one(running, row_number("sug", suggestion_id), caller.user_id)


@router.post("/suggestions/{suggestion_id}/accept")
async def accept_suggestion(
    suggestion_id: SuggestionId, caller: Annotated[Caller, require("write")], running: Running
) -> Suggestion:
    """Do what is suggested. What you wrote on the rows stays.

    Where it cannot be done any more, because the rows have changed, its state is `gone` afterwards.
    """
    return await _decide(running, decide.accept, suggestion_id, caller.user_id)


@router.post("/suggestions/{suggestion_id}/refuse")
async def refuse_suggestion(
    suggestion_id: SuggestionId, caller: Annotated[Caller, require("write")], running: Running
) -> Suggestion:
    """Leave everything as it is. The same is not suggested again."""
    return await _decide(running, decide.refuse, suggestion_id, caller.user_id)


async def _decide(
    running: Installation, decision: _Decision, suggestion_id: str, owner_id: int
) -> Suggestion:
    number = row_number("sug", suggestion_id)
    await running.database.write(decision, number, owner_id=owner_id, now=running.clock())
    return await _one(running, number, owner_id)


async def _one(running: Installation, number: int, owner_id: int) -> Suggestion:
    today = running.clock().date()
    row, known = await running.database.read(_read_one, number, owner_id=owner_id, today=today)
    return _shape(row, known, SHOWN)


def _shape(row: Suggested, known: Mapping[int, Brief], most: int) -> Suggestion:
    return Suggestion(
        id=public_id("sug", row.id),
        account_id=public_id("acc", row.account_id),
        sync_id=public_id("run", row.run_id),
        kind=row.kind,
        reason=row.reason,
        state=row.state,
        row_count=len(row.rows),
        rows=[
            SuggestedRow(role=role, transaction=known[number])
            for number, role in islice(row.rows.items(), most)
        ],
        created_at=row.created_at,
        decided_at=row.decided_at,
    )


def _read_page(
    connection: sa.Connection, *, owner_id: int, state: State, after: int, limit: int, today: date
) -> tuple[Sequence[Suggested], Mapping[int, Brief]]:
    rows = suggestions.page(connection, owner_id=owner_id, state=state, after=after, limit=limit)
    numbers = [number for row in rows for number in islice(row.rows, LISTED)]
    return rows, briefs(connection, numbers, owner_id=owner_id, today=today)


def _read_one(
    connection: sa.Connection, number: int, *, owner_id: int, today: date
) -> tuple[Suggested, Mapping[int, Brief]]:
    row = suggestions.get(connection, number, owner_id=owner_id)
    shown = islice(row.rows, SHOWN)
    return row, briefs(connection, shown, owner_id=owner_id, today=today)
