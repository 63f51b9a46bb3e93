"""Saved mappings: how a bank's CSV files are to be read."""

from typing import Annotated

from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Incoming, Moment, NextCursor, Outgoing
from penstock.db import mappings
from penstock.db.mappings import Saved
from penstock.files.mapping import mapping_of
from penstock.identity.caller import Caller

router = nouns("imports")

Name = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="What you call it: letters, digits, points, dashes.",
        examples=["my-bank"],
    ),
]


class Mapping(Outgoing):
    """A saved mapping."""

    name: Annotated[str, Field(examples=["my-bank"])]
    settings: Annotated[
        dict[str, str],
        Field(examples=[{"date": "Date", "date_format": "DD.MM.YYYY", "amount": "Amount"}]),
    ]
    updated_at: Moment


class Mappings(Outgoing):
    """A page of mappings."""

    rows: list[Mapping]
    next_cursor: NextCursor


class MappingSettings(Incoming):
    """The settings: which column is what, and how days and amounts are written."""

    settings: Annotated[
        dict[str, str],
        Field(
            max_length=40,
            examples=[
                {
                    "date": "Date",
                    "date_format": "DD.MM.YYYY",
                    "amount": "Amount",
                    "decimal": "comma",
                    "thousands": "point",
                    "currency": "EUR",
                    "description": "Text",
                }
            ],
        ),
    ]


@router.get("/mappings")
async def list_mappings(
    caller: Annotated[Caller, require("read")], running: Running, page: Page
) -> Mappings:
    """List saved mappings in the order of their names."""
    rows = await running.database.read(
        mappings.of_owner,
        owner_id=caller.user_id,
        after=page.position("mappings", str) or "",
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return Mappings(
        rows=[_shape(row) for row in shown],
        next_cursor=cursor_after("mappings", shown[-1].name) if more else None,
    )


@router.put("/mappings/{name}")
async def save_mapping(
    name: Name,
    body: MappingSettings,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> Mapping:
    """Save a mapping in place of the last one of that name, or say what is wrong with it."""
    mapping_of(body.settings)
    now = running.clock()
    await running.database.write(
        mappings.save, name, body.settings, owner_id=caller.user_id, now=now
    )
    return Mapping(name=name, settings=body.settings, updated_at=now)


@router.delete("/mappings/{name}", status_code=204, response_class=Response)
async def delete_mapping(
    name: Name, caller: Annotated[Caller, require("write")], running: Running
) -> Response:
    """Delete a mapping. What was imported with it stays."""
    await running.database.write(mappings.delete, name, owner_id=caller.user_id)
    return Response(status_code=204)


def _shape(row: Saved) -> Mapping:
    return Mapping(name=row.name, settings=row.settings, updated_at=row.updated_at)
