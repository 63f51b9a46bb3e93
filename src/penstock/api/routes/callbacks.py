"""How a link ends: the bank sends the person back, to us or to a program of theirs."""

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all, require
from penstock.api.browser import ask_to_sign_in, person_of
from penstock.api.errors import MalformedRequest, kind_of
from penstock.api.page import escape, html_page
from penstock.api.routes.connections import Connection, one
from penstock.api.routing import ANY_QUERY, nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import ConnectionId, Incoming, LinkId, Moment, Outgoing
from penstock.db import links, users
from penstock.db.links import LinkRow
from penstock.domain.errors import InvalidInput, NotFound, PenstockError
from penstock.domain.ids import public_id, row_number
from penstock.domain.remedy import ask_person
from penstock.identity.browsing import BrowserPerson
from penstock.identity.caller import Caller

_MOST_PARAMETERS: Final = 50

router = nouns("connections")


class LinkStage(StrEnum):
    """How far a link has come."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


class LinkState(Outgoing):
    """How far a link has come. `failure` says why there is no connection."""

    id: LinkId
    state: Annotated[LinkStage, Field(examples=["waiting"])]
    connector: Annotated[str, Field(examples=["sandbox"])]
    connection_id: ConnectionId | None
    failure: Annotated[str | None, Field(examples=["The bank says: access_denied."])]
    expires_at: Moment


class Callback(Incoming):
    """What the bank sent a program of yours: the query of the address that was called."""

    callback: Annotated[
        str, Field(min_length=1, max_length=16_000, examples=["code=SplxlOBeZQQ&state=af0ifjs"])
    ]


@router.get("/links/{link_id}")
async def get_link(
    link_id: LinkId, caller: Annotated[Caller, require("connect")], running: Running
) -> LinkState:
    """Say how far a link has come, for a program that waits for it."""
    row = await _own_link(running, link_id, caller)
    return _state(row, running.clock())


@router.post("/links/{link_id}/finish")
async def finish_link(
    link_id: LinkId,
    body: Callback,
    caller: Annotated[Caller, require("connect")],
    running: Running,
) -> Connection:
    """End a link with what the bank sent to a program's own redirect address."""
    row = await _own_link(running, link_id, caller)
    parameters = _parameters(body.callback)
    states = [value for name, value in parameters if name == "state"]
    if [running.linker.hash_state(state) for state in states] != [row.state_hash]:
        raise InvalidInput(
            "This answer from the bank belongs to another link.",
            remedy=ask_person("Begin again with `penstock connect`."),
        )
    number = await running.linker.finish(
        row.connector, parameters, owner_id=caller.user_id, session_id=caller.session_id
    )
    return await one(running, number, caller.user_id)


@router.get(
    "/callbacks/{connector}",
    response_class=Response,
    dependencies=[open_to_all("the bank sends a browser here; who is signed in there ends it")],
    responses={200: {"content": {"text/html": {}}, "description": "A page for the person."}},
    include_in_schema=False,
)
async def come_back(
    connector: str, request: Request, running: Running, _query: Annotated[None, ANY_QUERY]
) -> Response:
    """End a link whose person the bank sent back to this server, and tell them how it went.

    It is ended where the one who began it is signed in at this very browser. Nobody is lured into
    giving their bank to somebody else: the page says whose link it is, and asks for a sign-in.
    """
    parameters = request.query_params.multi_items()
    try:
        if len(parameters) > _MOST_PARAMETERS:
            raise InvalidInput("The bank sent more than an answer has.")
        owner_id = await running.linker.whose(connector, request.query_params.get("state", ""))
        person = await person_of(request)
        if owner_id is not None and (person is None or person.user_id != owner_id):
            owner = await running.database.read(users.get, owner_id)
            return _not_here(request, connector, owner.username, person)
        await running.linker.finish(
            connector, parameters, owner_id=person.user_id if person else 0, in_browser=True
        )
    except PenstockError as error:
        what = escape(error.message)
        next_ = f"<p>{escape(error.remedy.text)}</p>" if error.remedy else ""
        return html_page("Not linked", f'<p class="fault">{what}</p>{next_}', kind_of(error).status)
    return html_page(
        "Linked", "<p>Your bank is linked, and is being read now. You can close this page.</p>"
    )


def _not_here(
    request: Request, connector: str, owner: str, person: BrowserPerson | None
) -> Response:
    """Say whose link this is, and ask them to sign in; the link waits, and nothing was used up."""
    whose = f"<strong>{escape(owner)}</strong>"
    asked = f"This would give what the bank {escape(connector)} tells to the Penstock of {whose}."
    if person is not None:
        return html_page(
            "Not linked",
            f'<p class="fault">{asked} You are signed in here as '
            f"<strong>{escape(person.username)}</strong>.</p>"
            "<p>If somebody sent you here, close this page: nothing was linked. Else sign out, "
            "and begin again.</p>",
            HTTPStatus.FORBIDDEN,
        )
    if "error" in request.query_params:
        return html_page(
            "Not linked",
            "<p>The bank gave no consent: nothing was linked. Begin again if you want.</p>",
        )
    there = ask_to_sign_in(request).headers["location"]
    return html_page(
        "Link this bank?",
        f"<p>{asked}</p><p>If you are {whose}, and began this yourself, sign in to go on. If "
        "somebody sent you here, close this page: nothing was linked.</p>"
        f'<p><a href="{escape(there)}">Sign in as {escape(owner)}</a></p>',
    )


async def _own_link(running: Installation, link_id: str, caller: Caller) -> LinkRow:
    number = row_number("lnk", link_id)
    row = await running.database.read(links.find, number, owner_id=caller.user_id)
    if row is None:
        raise NotFound("There is no such link.")
    return row


def _state(row: LinkRow, now: datetime) -> LinkState:
    made = row.result_connection_id
    if made is not None:
        stage = LinkStage.DONE
    elif row.failure is not None:
        stage = LinkStage.FAILED
    elif row.used_at is None and row.expires_at <= now:
        stage = LinkStage.EXPIRED
    else:
        stage = LinkStage.WAITING
    return LinkState(
        id=public_id("lnk", row.id),
        state=stage,
        connector=row.connector,
        connection_id=public_id("con", made) if made else None,
        failure=row.failure,
        expires_at=row.expires_at,
    )


def _parameters(callback: str) -> list[tuple[str, str]]:
    """Read a query string, or the query of a whole address."""
    try:
        whole = callback.startswith(("http://", "https://"))
        query = urlsplit(callback).query if whole else callback.removeprefix("?")
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise MalformedRequest("That is not the query of an address.") from None
