"""Connectors: the banks that can be linked, and how."""

from typing import Annotated, Literal

from pydantic import Field

from penstock.api.auth import require
from penstock.api.paging import Page
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import NextCursor, Outgoing
from penstock.domain.link_plan import LinkPlan, TokenPlan, VisitPlan
from penstock.domain.protocol import Connector as Code
from penstock.identity.caller import Caller

router = nouns("connections")


class Plan(Outgoing):
    """One way to link. `consent`: through the browser. `token`: one is made there and pasted."""

    number: Annotated[int, Field(examples=[0])]
    kind: Annotated[Literal["consent", "token"], Field(examples=["consent"])]
    where: Annotated[
        str | None,
        Field(description="How to make the token.", examples=["Settings, Developer, New token"]),
    ]
    url: Annotated[
        str | None, Field(description="Where to make it.", examples=["https://bank.example/tokens"])
    ]
    chooses: Annotated[
        list[str],
        Field(
            description="The `parameters` without which a link cannot begin, such as "
            "`institution`: one of those that `GET /v1/institutions` lists.",
            examples=[[]],
        ),
    ]
    returns: Annotated[
        bool,
        Field(
            description="Whether people are always sent back. Where not, they may say that they "
            "are done: finish the link with `state=` and its state alone as the `callback`.",
            examples=[True],
        ),
    ]


class Connector(Outgoing):
    """A provider that Penstock can speak with."""

    name: Annotated[str, Field(examples=["sandbox"])]
    title: Annotated[str, Field(examples=["Sandbox bank"])]
    docs_url: Annotated[str, Field(examples=["https://developer.example.org"])]
    keys_url: Annotated[
        str,
        Field(
            description="Where to get what it needs: keys, an application, a token.",
            examples=["https://developer.example.org/keys"],
        ),
    ]
    ready: Annotated[bool, Field(description="Whether it is set up here.", examples=[True])]
    missing_settings: Annotated[list[str], Field(examples=[[]])]
    plans: Annotated[list[Plan], Field(description="The ways to link, the best first.")]


class Connectors(Outgoing):
    """The connectors, in one page."""

    rows: list[Connector]
    next_cursor: NextCursor


@router.get("/connectors")
async def list_connectors(
    caller: Annotated[Caller, require("read")],  # noqa: ARG001 - anybody who is signed in
    running: Running,
    page: Page,  # noqa: ARG001 - they fit on one page; a reader of lists may still ask for pages
) -> Connectors:
    """List what can be linked, how, and what is still to be set up for it."""
    return Connectors(rows=list(map(_connector, running.connectors.values())), next_cursor=None)


def _connector(code: Code) -> Connector:
    return Connector(
        name=code.name,
        title=code.title,
        docs_url=code.docs_url,
        keys_url=code.keys_url,
        ready=not code.missing_settings,
        missing_settings=list(code.missing_settings),
        plans=[_plan(number, plan) for number, plan in enumerate(code.link_plans)],
    )


def _plan(number: int, plan: LinkPlan) -> Plan:
    if isinstance(plan, TokenPlan):
        return Plan(
            number=number, kind="token", where=plan.where, url=plan.url, chooses=[], returns=True
        )
    visit = plan if isinstance(plan, VisitPlan) else None
    return Plan(
        number=number,
        kind="consent",
        where=None,
        url=None,
        chooses=list(visit.chooses) if visit else [],
        returns=visit is None or visit.returns,
    )
