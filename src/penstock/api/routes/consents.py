"""What you allowed programs of others, and taking it back."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Moment, NextCursor, Outgoing
from penstock.db.consents import ConsentRow
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller

_LISTING = "consents"

router = nouns("programs")

ConsentId = Annotated[str, Field(description="A public id.", examples=["cns_0000000000011"])]


class Consent(Outgoing):
    """What you allowed one program."""

    id: ConsentId
    client_id: Annotated[str, Field(examples=["app_Rk9Pc2x0dGhlcmUh"])]
    name: Annotated[str, Field(description="What the program is called.", examples=["Budget"])]
    scopes: Annotated[list[str], Field(examples=[["read"]])]
    given_at: Moment


class Consents(Outgoing):
    """A page of consents."""

    rows: list[Consent]
    next_cursor: NextCursor


@router.get("/consents")
async def list_consents(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Consents:
    """List the programs that you allowed something."""
    after = page.position(_LISTING, int) or 0
    rows = await running.authorization.consents.page(
        caller.user_id, after=after, limit=page.limit + 1
    )
    shown = rows[: page.limit]
    return Consents(
        rows=[_consent(row) for row in shown],
        next_cursor=cursor_after(_LISTING, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.delete("/consents/{consent_id}", status_code=204)
async def withdraw_consent(
    consent_id: ConsentId, caller: Annotated[Caller, require("write", own=True)], running: Running
) -> Response:
    """Take a consent back: your sessions of that program end at once, with all their tokens."""
    number = row_number("cns", consent_id)
    await running.authorization.consents.withdraw(caller.user_id, number)
    return Response(status_code=204)


def _consent(row: ConsentRow) -> Consent:
    return Consent(
        id=public_id("cns", row.id),
        client_id=row.client_id,
        name=row.client_name,
        scopes=row.scope.split(),
        given_at=row.given_at,
    )
