"""Personal access tokens: made for scripts, shown once, ended at will (security.md C6)."""

from datetime import datetime
from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, NextCursor, Outgoing
from penstock.api.where import where_of
from penstock.db.personal_tokens import PersonalRow
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller
from penstock.identity.personal import DAYS, MOST_DAYS, Wish
from penstock.identity.scopes import Scope, UnknownScope

_LISTING = "tokens"

router = nouns("personal access tokens")


class NewToken(Incoming):
    """What a token shall be called, be good for, and for how long."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["nightly backup"])]
    scopes: Annotated[
        list[str],
        Field(
            min_length=1,
            max_length=20,
            description="Some of your own. `export` on top lets a script export, which a person "
            "must prove again who they are for.",
            examples=[["read"]],
        ),
    ]
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="How long it is good.")] = DAYS


class PersonalToken(Outgoing):
    """A personal access token, as it is listed: never the token itself."""

    id: Annotated[str, Field(examples=["pat_0000000000001"])]
    name: Annotated[str, Field(examples=["nightly backup"])]
    scopes: Annotated[list[str], Field(examples=[["read"]])]
    created_at: datetime
    expires_at: datetime
    used_at: Annotated[
        datetime | None, Field(description="When it was last used, give or take a minute.")
    ]


class MadeToken(PersonalToken):
    """A new token. It is shown this once."""

    token: Annotated[str, Field(description="Send it as `Authorization: Bearer …`.")]


class PersonalTokens(Outgoing):
    """A page of tokens."""

    rows: list[PersonalToken]
    next_cursor: NextCursor


@router.post("/tokens", status_code=201)
async def make_token(
    request: Request,
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
    body: NewToken,
) -> MadeToken:
    """Make a personal access token, for a script. It is shown this once."""
    wish = Wish(body.name.strip(), _scopes(body.scopes), body.days)
    made = await running.identity.personal.make(caller, wish, where_of(request))
    return MadeToken(**_told(made.row), token=made.token.reveal())


@router.get("/tokens")
async def list_tokens(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> PersonalTokens:
    """List your personal access tokens that are good."""
    after = page.position(_LISTING, int) or 0
    rows = await running.identity.personal.page(caller.user_id, after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    return PersonalTokens(
        rows=[PersonalToken(**_told(row)) for row in shown],
        next_cursor=cursor_after(_LISTING, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.delete("/tokens/{token_id}", status_code=204)
async def end_token(
    token_id: str, caller: Annotated[Caller, require("write", own=True)], running: Running
) -> Response:
    """End a personal access token: it opens nothing any more."""
    await running.identity.personal.end(row_number("pat", token_id), user_id=caller.user_id)
    return Response(status_code=204)


def _scopes(names: list[str]) -> frozenset[Scope]:
    try:
        return frozenset(map(Scope, names))
    except ValueError:
        known = ", ".join(sorted(Scope))
        raise UnknownScope(f"The scopes here are: {known}.") from None


def _told(row: PersonalRow) -> dict[str, object]:
    return {
        "id": public_id("pat", row.id),
        "name": row.name,
        "scopes": row.scope.split(),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
    }
