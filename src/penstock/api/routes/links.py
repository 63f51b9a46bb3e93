"""The act of linking: a person is sent to the bank, and comes back with a connection."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from pydantic import Field, SecretStr
from starlette.responses import Response

from penstock.api.auth import open_to_all, require
from penstock.api.errors import MalformedRequest, kind_of
from penstock.api.page import escape, html_page
from penstock.api.redirects import choose_redirect
from penstock.api.routes.connections import Connection, one
from penstock.api.routing import ANY_QUERY, nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import ConnectionId, Incoming, LinkId, Outgoing, Whole
from penstock.db import connections, links
from penstock.db.links import LinkRow
from penstock.domain.errors import InvalidInput, NotFound, PenstockError
from penstock.domain.ids import public_id, row_number
from penstock.domain.remedy import ask_person
from penstock.domain.secret import Secret
from penstock.engine.link import LinkBegun
from penstock.identity.caller import Caller

MEDIA_TYPE: Final = "application/json"
_MOST_PARAMETERS: Final = 50
# What an authorization request says by itself, and nobody may say instead of it.
_RESERVED: Final = frozenset(
    "client_id client_secret code_challenge code_challenge_method nonce redirect_uri request"
    " request_uri response_mode response_type scope state".split()
)

router = nouns("connections")

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
Value = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Renewal(Incoming):
    """How to link: through the browser, or with a token that was made at the bank."""

    plan: Annotated[
        Whole, Field(ge=0, le=99, description="Which of the connector's plans.", examples=[0])
    ] = 0
    token: Annotated[
        SecretStr | None,
        Field(
            description="A token made at the bank.",
            max_length=16_384,
            strict=False,
            examples=[None],
        ),
    ] = None
    redirect_uri: Annotated[
        str | None,
        Field(
            description="Where the bank sends the person back to; left out: to this server.",
            max_length=2000,
            examples=["http://127.0.0.1:51234/callback/sandbox"],
        ),
    ] = None
    parameters: Annotated[
        dict[Name, Value],
        Field(
            max_length=20,
            description="What goes along to the bank's consent page.",
            examples=[{"scenario": "calm"}],
        ),
    ] = Field(default_factory=dict)


class NewConnection(Renewal):
    """What to link, and how."""

    connector: Annotated[str, Field(max_length=60, examples=["sandbox"])]


class Link(Outgoing):
    """A link that waits for the person: send them to `authorization_url`."""

    id: LinkId
    authorization_url: Annotated[str, Field(examples=["https://bank.example/authorize?state=…"])]
    expires_at: datetime


class Begun(Outgoing):
    """A link has begun."""

    link: Link


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
    failure: str | None
    expires_at: datetime


class Callback(Incoming):
    """What the bank sent a program of yours: the query of the address that was called."""

    callback: Annotated[
        str, Field(min_length=1, max_length=16_000, examples=["code=SplxlOBeZQQ&state=af0ifjs"])
    ]


_LINKING: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Begun, "description": "Send the person to the bank."}
}


@router.post("/connections", status_code=201, response_model=Connection, responses=_LINKING)
async def begin_connection(
    body: NewConnection,
    request: Request,
    caller: Annotated[Caller, require("connect")],
    running: Running,
) -> Response:
    """Link an institution.

    With a pasted token the answer is the connection; else a link, which the person ends at the
    bank within ten minutes.
    """
    return await _begin(request, caller, running, body.connector, body, None)


@router.post(
    "/connections/{connection_id}/renew",
    status_code=200,
    response_model=Connection,
    responses=_LINKING,
)
async def renew_connection(
    connection_id: str,
    body: Renewal,
    request: Request,
    caller: Annotated[Caller, require("connect")],
    running: Running,
) -> Response:
    """Renew the consent of a connection, in its place: nothing is doubled, nothing is lost."""
    number = row_number("con", connection_id)
    row = await running.database.read(connections.get, number, owner_id=caller.user_id)
    return await _begin(request, caller, running, row.connector, body, number)


@router.get("/links/{link_id}")
async def get_link(
    link_id: str, caller: Annotated[Caller, require("connect")], running: Running
) -> LinkState:
    """Say how far a link has come, for a program that waits for it."""
    row = await _own_link(running, link_id, caller)
    return _state(row, running.clock())


@router.post("/links/{link_id}/finish")
async def finish_link(
    link_id: str,
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
    number = await running.linker.finish(row.connector, parameters, owner_id=caller.user_id)
    return await one(running, number, caller.user_id)


@router.get(
    "/callbacks/{connector}",
    response_class=Response,
    dependencies=[open_to_all("the bank sends a browser here; the state is what opens it")],
    responses={200: {"content": {"text/html": {}}, "description": "A page for the person."}},
    include_in_schema=False,
)
async def come_back(
    connector: str, request: Request, running: Running, _query: Annotated[None, ANY_QUERY]
) -> Response:
    """End a link whose person the bank sent back to this server, and tell them how it went."""
    parameters = request.query_params.multi_items()
    try:
        if len(parameters) > _MOST_PARAMETERS:
            raise InvalidInput("The bank sent more than an answer has.")
        await running.linker.finish(connector, parameters, owner_id=None)
    except PenstockError as error:
        what = escape(error.message)
        next_ = f"<p>{escape(error.remedy.text)}</p>" if error.remedy else ""
        return html_page("Not linked", f'<p class="fault">{what}</p>{next_}', kind_of(error).status)
    return html_page(
        "Linked", "<p>Your bank is linked, and is being read now. You can close this page.</p>"
    )


async def _begin(
    request: Request,
    caller: Caller,
    running: Installation,
    connector: str,
    body: Renewal,
    renewed: int | None,
) -> Response:
    if body.token is not None:
        return await _paste(
            caller, running, connector, Secret(body.token.get_secret_value()), renewed
        )
    taken = _RESERVED & body.parameters.keys()
    if taken:
        raise InvalidInput(f"These parameters are not yours to set: {', '.join(sorted(taken))}.")
    redirect_uri = choose_redirect(
        body.redirect_uri,
        request=request,
        connector=connector,
        public_url=running.settings.public_url,
        allowed=running.settings.redirect_uris,
    )
    begun = await running.linker.begin(
        caller.user_id,
        connector,
        redirect_uri=redirect_uri,
        plan=body.plan,
        connection_id=renewed,
        parameters=body.parameters,
    )
    return Response(_link(begun).model_dump_json(), 202, media_type=MEDIA_TYPE)


async def _paste(
    caller: Caller, running: Installation, connector: str, token: Secret, renewed: int | None
) -> Response:
    number = await running.linker.paste(caller.user_id, connector, token, connection_id=renewed)
    made = await one(running, number, caller.user_id)
    headers = {} if renewed else {"Location": f"/v1/connections/{made.id}"}
    return Response(made.model_dump_json(), 200 if renewed else 201, headers, media_type=MEDIA_TYPE)


def _link(begun: LinkBegun) -> Begun:
    return Begun(
        link=Link(
            id=public_id("lnk", begun.link_id),
            authorization_url=begun.url,
            expires_at=begun.expires_at,
        )
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
