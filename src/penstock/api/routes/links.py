"""How a link begins: with a token that was made at the bank, or by sending the person there."""

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field, SecretStr
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.redirects import choose_redirect
from penstock.api.routes.connections import Connection, one
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import ConnectionId, Incoming, LinkId, Moment, Outgoing, Whole
from penstock.db import connections
from penstock.domain.errors import InvalidInput
from penstock.domain.ids import public_id, row_number
from penstock.domain.secret import Secret
from penstock.engine.link import LinkBegun
from penstock.identity.caller import Caller

MEDIA_TYPE: Final = "application/json"
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
    state: Annotated[
        str,
        Field(description="What the bank's answer must carry as `state`.", examples=["af0ifjs"]),
    ]
    expires_at: Moment


class Begun(Outgoing):
    """A link has begun."""

    link: Link


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
    connection_id: ConnectionId,
    body: Renewal,
    request: Request,
    caller: Annotated[Caller, require("connect")],
    running: Running,
) -> Response:
    """Renew the consent of a connection, in its place: nothing is doubled, nothing is lost."""
    number = row_number("con", connection_id)
    row = await running.database.read(connections.get, number, owner_id=caller.user_id)
    return await _begin(request, caller, running, row.connector, body, number)


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
        session_id=caller.session_id,
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
            state=begun.state,
            expires_at=begun.expires_at,
        )
    )
