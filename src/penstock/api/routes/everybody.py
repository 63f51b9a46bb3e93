"""The people of this installation and their invitations, for admins."""

from datetime import datetime
from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.browser import address_of, own_origin
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, NextCursor, Outgoing
from penstock.db.users import UserRow
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller
from penstock.identity.people import Role

_PEOPLE = "people"
_INVITATIONS = "invitations"

router = nouns("people")

PersonId = Annotated[str, Field(examples=["usr_0000000000001"])]
InvitationId = Annotated[str, Field(examples=["inv_0000000000001"])]
Note = Annotated[
    str,
    Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["for Bob"]),
]


class Person(Outgoing):
    """Somebody who may sign in here, or might once."""

    id: PersonId
    username: Annotated[str, Field(examples=["ada"])]
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class PersonPage(Outgoing):
    """A page of people."""

    rows: list[Person]
    next_cursor: NextCursor


class PersonChange(Incoming):
    """What to change of a person; what is left out stays."""

    role: Annotated[str | None, Field(pattern="^(admin|member)$", examples=["member"])] = None
    disabled: Annotated[bool | None, Field(examples=[False])] = None


class NewInvitation(Incoming):
    """Whom to invite."""

    role: Annotated[str, Field(pattern="^(admin|member)$", examples=["member"])] = "member"
    note: Note = ""


class Invitation(Outgoing):
    """An invitation that is good still."""

    id: InvitationId
    role: Role
    note: str
    created_at: datetime
    expires_at: datetime


class InvitationMade(Outgoing):
    """A new invitation. The link is shown this once: whoever has it may make one person."""

    id: InvitationId
    url: Annotated[str, Field(examples=["https://penstock.example/invitation?link=…"])]
    expires_at: datetime


class InvitationPage(Outgoing):
    """A page of invitations."""

    rows: list[Invitation]
    next_cursor: NextCursor


@router.get("/people")
async def list_people(
    caller: Annotated[Caller, require("admin")],  # noqa: ARG001 - admits
    running: Running,
    page: Page,
) -> PersonPage:
    """List everybody."""
    after = page.position(_PEOPLE, int) or 0
    rows = await running.identity.people.page(after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    return PersonPage(
        rows=[_person(row) for row in shown],
        next_cursor=cursor_after(_PEOPLE, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.patch("/people/{person_id}")
async def change_person(
    person_id: PersonId,
    caller: Annotated[Caller, require("admin", fresh=True, own=True)],  # noqa: ARG001 - as above
    running: Running,
    body: PersonChange,
) -> Person:
    """Make somebody an admin or a member; disable or enable them.

    Disabling ends everything of theirs at once. The last admin stays one.
    """
    number, people = row_number("usr", person_id), running.identity.people
    if body.role is not None:
        await people.set_role(number, Role(body.role))
    if body.disabled is not None:
        await (people.disable if body.disabled else people.enable)(number)
    return _person(await running.identity.people.get(number))


@router.get("/invitations")
async def list_invitations(
    caller: Annotated[Caller, require("admin")],  # noqa: ARG001 - as above
    running: Running,
    page: Page,
) -> InvitationPage:
    """List the invitations that are good still."""
    after = page.position(_INVITATIONS, int) or 0
    rows = await running.identity.people.invitations(after=after, limit=page.limit + 1)
    shown = rows[: page.limit]
    return InvitationPage(
        rows=[
            Invitation(
                id=public_id("inv", row.id),
                role=Role(row.role),
                note=row.note,
                created_at=row.created_at,
                expires_at=row.expires_at,
            )
            for row in shown
        ],
        next_cursor=cursor_after(_INVITATIONS, shown[-1].id) if len(rows) > page.limit else None,
    )


@router.post("/invitations")
async def invite(
    request: Request,
    caller: Annotated[Caller, require("admin", fresh=True, own=True)],
    running: Running,
    body: NewInvitation,
) -> InvitationMade:
    """Invite somebody: whoever opens the link within a week makes themselves a person here."""
    made = await running.identity.people.invite(caller, Role(body.role), body.note)
    path = address_of(request, f"/invitation?link={made.token.reveal()}")
    return InvitationMade(
        id=public_id("inv", made.id),
        url=f"{own_origin(request)}{path}",
        expires_at=made.expires_at,
    )


@router.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw_invitation(
    invitation_id: InvitationId,
    caller: Annotated[Caller, require("admin", fresh=True, own=True)],  # noqa: ARG001 - as above
    running: Running,
) -> Response:
    """Withdraw an invitation: its link is worth nothing."""
    await running.identity.people.withdraw(row_number("inv", invitation_id))
    return Response(status_code=204)


def _person(row: UserRow) -> Person:
    return Person(
        id=public_id("usr", row.id),
        username=row.username,
        role=Role(row.role),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
