"""Institutions: the banks and brokers that a connector reaches, where it reaches many."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import NextCursor, Outgoing
from penstock.identity.caller import Caller

router = nouns("connections")

_MOST = 500


class Institution(Outgoing):
    """An institution; its id is the parameter `institution` of a link."""

    id: Annotated[str, Field(examples=["mill_bank_de"])]
    name: Annotated[str, Field(examples=["Mill Bank"])]


class Institutions(Outgoing):
    """What was found, in one page."""

    rows: list[Institution]
    next_cursor: NextCursor


@router.get("/institutions")
async def list_institutions(
    caller: Annotated[Caller, require("connect")],  # noqa: ARG001 - whoever may link may look
    running: Running,
    page: Page,  # noqa: ARG001 - they are on one page; a reader of lists may still ask for pages
    connector: Annotated[
        str, Query(max_length=60, description="Which connector.", examples=["sandbox"])
    ],
    words: Annotated[
        str, Query(max_length=100, description="Words of the name.", examples=["mill"])
    ] = "",
    country: Annotated[
        str, Query(pattern="^([A-Z]{2})?$", description="ISO 3166-1, two letters.", examples=["DE"])
    ] = "",
) -> Institutions:
    """Find the institutions that a connector reaches, at most 500 of them."""
    found = await running.linker.search(connector, words.strip(), country)
    rows = [Institution(id=one.external_id, name=one.name) for one in found[:_MOST]]
    return Institutions(rows=rows, next_cursor=None)
