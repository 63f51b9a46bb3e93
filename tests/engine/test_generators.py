"""Whoever knows a protocol is a generator: it is sent answers, and always closed."""

from collections.abc import Generator

import pytest

from penstock.domain.errors import ContractBroken, RowsMoved
from penstock.domain.outcome import Ending, Halt, Outcome
from penstock.domain.protocol import Pause, Pull
from penstock.domain.request import Request, Response
from penstock.domain.update import Balances, Holdings, Page
from penstock.engine.drive import Limits, Restart
from tests.engine.fake_bank import page
from tests.engine.house import play
from tests.engine.road import GET, Road


class Watched:
    """A generator whose end is noticed."""

    def __init__(
        self, *steps: Request | Pause | Page | Balances | Holdings, then: Exception | None = None
    ) -> None:
        self.steps = steps
        self.then = then
        self.heard: list[object] = []
        self.closed = False

    def pull(self) -> Pull:
        try:
            for step in self.steps:
                self.heard.append((yield step))
            if self.then:
                raise self.then
        finally:
            self.closed = True

    def asking(self) -> Generator[Request, Response, str]:
        try:
            for step in self.steps:
                assert isinstance(step, Request)
                self.heard.append((yield step))
            if self.then:
                raise self.then
        finally:
            self.closed = True
        return "value"


def test_a_generator_of_requests_gives_its_value() -> None:
    """Architecture 2: it is sent each answer in turn, and its value comes back."""
    watched = Watched(GET, GET)
    assert play(Road([200, 203]).driver.run(watched.asking())) == "value"
    assert [one.status for one in watched.heard if isinstance(one, Response)] == [200, 203]
    assert play(Road([]).driver.run(Watched().asking())) == "value"


def test_a_stream_hands_over_its_pages() -> None:
    """Architecture 2: requests are answered, pages and balances are handed over in their order."""
    one, two, stated = page(cursor="1", more=True), page(cursor="2"), Balances([])
    watched = Watched(GET, one, GET, stated, two)

    async def read() -> list[Page | Balances | Holdings]:
        return [step async for step in Road([200, 200]).driver.pull(watched.pull())]

    assert play(read()) == [one, stated, two]
    assert [isinstance(heard, Response) for heard in watched.heard] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert watched.closed


def test_a_connector_may_find_that_the_pages_moved() -> None:
    """sync.md 3: where no status says so, the one who compares the pages does: start over."""
    watched = Watched(GET, page(cursor="1", more=True), then=RowsMoved("Rows moved."))

    async def read() -> None:
        async for _ in Road([200]).driver.pull(watched.pull()):
            pass

    with pytest.raises(Restart, match="Rows moved"):
        play(read())
    assert watched.closed


def test_a_pause_is_waited_out_as_long_as_the_run_may_wait() -> None:
    """sync.md 1, 22: a provider that is still at work when the run's patience ends is not ready."""
    watched = Watched(GET, Pause(3), GET, Pause(3), GET, page(cursor="1"))

    async def read(road: Road) -> list[Page | Balances | Holdings]:
        return [step async for step in road.driver.pull(watched.pull())]

    patient = Road([200] * 3)
    assert play(read(patient)) == [page(cursor="1")]
    assert patient.slept == [3, 3]
    assert patient.driver.tally.waited_ms == 6000
    hasty = Road([200] * 3, Limits(wait_at_most=5))
    with pytest.raises(Halt) as caught:
        play(read(hasty))
    assert caught.value.ending.outcome is Outcome.NOT_READY
    assert (hasty.slept, len(hasty.sent)) == ([3], 2)


@pytest.mark.parametrize("kind", [ContractBroken("nonsense"), Halt(Ending(Outcome.PARTIAL))])
def test_what_a_generator_raises_ends_the_run(kind: Exception) -> None:
    """sync.md 8, 21: an answer that makes no sense is a contract broken, nothing less."""
    outcome = Outcome.CONTRACT if isinstance(kind, ContractBroken) else Outcome.PARTIAL
    for watched in (Watched(GET, then=kind), Watched(then=kind)):
        with pytest.raises(Halt) as caught:
            play(Road([200]).driver.run(watched.asking()))
        assert caught.value.ending.outcome is outcome
        assert watched.closed

    async def read(watched: Watched) -> None:
        async for _ in Road([200]).driver.pull(watched.pull()):
            pass

    for watched in (Watched(GET, page(cursor="1"), then=kind), Watched(then=kind)):
        with pytest.raises(Halt) as caught:
            play(read(watched))
        assert caught.value.ending.outcome is outcome
        assert watched.closed


def test_generators_are_closed_when_the_run_ends() -> None:
    """Architecture 2: whatever stops a run, the connector's generator is not left hanging."""
    watched = Watched(GET)
    with pytest.raises(Halt):
        play(Road([422]).driver.run(watched.asking()))
    assert watched.closed

    watched = Watched(GET, page(cursor="1"))

    async def read() -> None:
        async for _ in Road([422]).driver.pull(watched.pull()):
            pass

    with pytest.raises(Halt):
        play(read())
    assert watched.closed
