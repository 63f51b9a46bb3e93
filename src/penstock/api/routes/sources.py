"""Where prices come from: every source that this installation knows, and how each stands."""

import asyncio
from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import NextCursor, Outgoing
from penstock.identity.caller import Caller
from penstock.quotes.declaration import Tier
from penstock.quotes.standing import Known, Standing, covers

router = nouns("quotes")


class Fault(Outgoing):
    """What is wrong with the declaration of a source."""

    field: Annotated[
        str, Field(description="As it is written in the file.", examples=["golden[0].price"])
    ]
    why: Annotated[str, Field(examples=["0.7880 should come out, but 0.788 did"])]
    line: Annotated[int | None, Field(description="Null: it cannot be told.", examples=[31])]


class Source(Outgoing):
    """A source of prices. One that is `broken` is not used, and `faults` say why."""

    id: Annotated[str, Field(examples=["ecb"])]
    title: Annotated[str | None, Field(examples=["European Central Bank"])]
    tier: Annotated[Tier | None, Field(description="On what terms it gives its prices.")]
    covers: Annotated[
        list[str], Field(description="What it has prices of.", examples=[["currency pairs"]])
    ]
    standing: Annotated[Standing, Field(examples=["in_use"])]
    own: Annotated[bool, Field(description="Whether it was added here, as a file.")]
    docs: Annotated[
        str | None,
        Field(description="Where it describes itself and its terms.", examples=["https://x.org"]),
    ]
    delay_seconds: Annotated[
        int | None, Field(description="How far it says it is behind.", examples=[900])
    ]
    missing_settings: Annotated[
        list[str],
        Field(description="What has to be set for it.", examples=[["PENSTOCK_FINNHUB_KEY"]]),
    ]
    fresh_seconds: Annotated[
        float | None,
        Field(description="How long a price is told again without asking.", examples=[60.0]),
    ]
    faults: list[Fault]


class Sources(Outgoing):
    """The sources, in one page: those in use first, in the order in which they are asked."""

    rows: list[Source]
    next_cursor: NextCursor


@router.get("/sources")
async def list_sources(
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
    page: Page,  # noqa: ARG001 - they fit on one page; a reader of lists may still ask for pages
) -> Sources:
    """List where prices may come from, and what is wrong with a source that cannot be used."""
    known = await asyncio.to_thread(running.sources.all)
    return Sources(rows=list(map(_source, known)), next_cursor=None)


def _source(known: Known) -> Source:
    declared = known.declared
    return Source(
        id=known.id,
        title=declared.title if declared else None,
        tier=declared.tier if declared else None,
        covers=covers(declared) if declared else [],
        standing=known.standing,
        own=known.own,
        docs=declared.docs if declared else None,
        delay_seconds=declared.delay_seconds if declared else None,
        missing_settings=list(known.missing),
        fresh_seconds=declared.politeness.ttl if declared else None,
        faults=[Fault(field=one.field, why=one.why, line=one.line) for one in known.faults],
    )
