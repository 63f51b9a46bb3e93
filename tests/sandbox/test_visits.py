"""Visits that a program has arranged: the person comes, decides once, and is sent on."""

import asyncio

from penstock.sandbox.scenario import Scenario
from penstock.sandbox.visits import Visit
from tests.sandbox.visitor import Visitor, visiting

HOME = "http://127.0.0.1:1/home"


def expected(visitor: Visitor) -> str:
    """Arrange a visit; return the address of its page."""
    visit = Visit(
        program="The Mill",
        scope="accounts balances",
        allow=lambda person, scenario: f"{HOME}?{person}={scenario}",
        deny=lambda: f"{HOME}?denied",
    )
    return f"/visits/{visitor.bank.visits.expect(visit)}"


def test_the_page_says_who_asks_for_what() -> None:
    """The person sees the program, and in words what it wants to see."""

    async def story() -> None:
        async with visiting() as visitor:
            page = await visitor.send("GET", visitor.bank.url + expected(visitor))
            assert page.status == 200
            assert b"The Mill" in page.body
            assert b"see what stands on them" in page.body
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    asyncio.run(story())


def test_a_decision_is_taken_once() -> None:
    """Who agreed is sent on with it; a second decision is refused, and so is nobody's visit."""

    async def story() -> None:
        async with visiting() as visitor:
            path = expected(visitor)
            told = await visitor.post(path, decision="allow", person="ben", scenario="flaky")
            assert (told.status, told.headers["Location"]) == (303, f"{HOME}?ben=flaky")
            assert (await visitor.post(path, decision="allow")).status == 400
            nobody = await visitor.send("GET", f"{visitor.bank.url}/visits/nobody")
            assert nobody.status == 404

    asyncio.run(story())


def test_what_is_not_said_is_what_the_bank_proposes() -> None:
    """The first of the people, and the scenario that the bank was started with."""

    async def story() -> None:
        async with visiting(scenario=Scenario.TWINS) as visitor:
            told = await visitor.post(expected(visitor), decision="allow")
            assert told.headers["Location"] == f"{HOME}?ada=twins"

    asyncio.run(story())


def test_no_is_sent_on_as_well_and_nonsense_is_not() -> None:
    """A refusal is an answer; a person or a scenario that there is not, is none."""

    async def story() -> None:
        async with visiting() as visitor:
            path = expected(visitor)
            for wrong in ({"person": "nobody"}, {"scenario": "nonsense"}):
                assert (await visitor.post(path, decision="allow", **wrong)).status == 400
            told = await visitor.post(path, decision="deny")
            assert told.headers["Location"] == f"{HOME}?denied"

    asyncio.run(story())
