"""Programs that people may let in: an admin registers them."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, Line, Moment, NextCursor, Outgoing
from penstock.identity.caller import Caller
from penstock.identity.clients import Client
from penstock.identity.scopes import OF_OTHERS, Scope, read_scopes

_LISTING = "clients"

router = nouns("programs")

Scopes = Annotated[
    list[Scope], Field(description="What it may ask for, at most.", examples=[["read", "sync"]])
]
Addresses = Annotated[
    list[Annotated[str, Field(max_length=500)]],
    Field(
        description="Where people may be sent back to; of a loopback address any port will do.",
        min_length=1,
        max_length=10,
        examples=[["https://budget.example/callback"]],
    ),
]
Name = Annotated[Line, Field(description="What people are told it is.", examples=["Budget"])]
Confidential = Annotated[bool, Field(description="Whether it can keep a secret.", examples=[True])]
ClientId = Annotated[str, Field(description="Its id.", examples=["app_Rk9Pc2x0dGhlcmUh"])]


class NewProgram(Incoming):
    """A program to register."""

    name: Name
    redirect_uris: Addresses
    scopes: Annotated[
        list[Annotated[str, Field(json_schema_extra={"enum": sorted(OF_OTHERS)})]] | None,
        Field(
            description="What it may ask for, at most; left out: all of these.",
            min_length=1,
            examples=[["read"]],
        ),
    ] = None
    confidential: Confidential = False


class Program(Outgoing):
    """A registered program."""

    client_id: ClientId
    name: Name
    confidential: Confidential
    redirect_uris: Addresses
    scopes: Scopes
    created_at: Moment


class RegisteredProgram(Program):
    """A program that was registered just now."""

    client_secret: Annotated[
        str | None, Field(description="Shown this once; null for a public program.")
    ]


class Programs(Outgoing):
    """A page of programs."""

    rows: list[Program]
    next_cursor: NextCursor


@router.get("/clients")
async def list_clients(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Programs:
    """List the programs that were registered. For admins."""
    after = page.position(_LISTING, str) or ""
    found = await running.authorization.clients.page(caller, after=after, limit=page.limit + 1)
    shown = found[: page.limit]
    return Programs(
        rows=[_program(one) for one in shown],
        next_cursor=cursor_after(_LISTING, shown[-1].id) if len(found) > page.limit else None,
    )


@router.post("/clients", status_code=201)
async def add_client(
    body: NewProgram,
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
) -> RegisteredProgram:
    """Register a program that people may let in. For admins."""
    registered = await running.authorization.clients.add(
        caller,
        name=body.name,
        redirect_uris=tuple(body.redirect_uris),
        scopes=read_scopes(" ".join(body.scopes)) if body.scopes else OF_OTHERS,
        confidential=body.confidential,
    )
    secret = registered.secret.reveal() if registered.secret else None
    return RegisteredProgram(**dict(_program(registered.client)), client_secret=secret)


@router.delete("/clients/{client_id}", status_code=204)
async def remove_client(
    client_id: ClientId,
    caller: Annotated[Caller, require("write", fresh=True, own=True)],
    running: Running,
) -> Response:
    """Remove a program: what people allowed it is forgotten, and its sessions end. For admins."""
    await running.authorization.clients.remove(caller, client_id)
    return Response(status_code=204)


def _program(client: Client) -> Program:
    return Program(
        client_id=client.id,
        name=client.name,
        confidential=not client.is_public,
        redirect_uris=list(client.redirect_uris),
        scopes=sorted(client.scopes),
        created_at=client.created_at,
    )
