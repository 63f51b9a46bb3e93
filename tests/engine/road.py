"""A driver whose bank says what it is told to, and whose time passes by sleeping."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from penstock.db.runs import Tally
from penstock.domain.consent import Credentials
from penstock.domain.outcome import Ending, Halt
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.drive import Driver, Limits
from penstock.observe.metrics import Metrics
from tests.engine.fake_bank import URL, FakeBank
from tests.engine.house import play

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GET = Request("GET", URL)
Said = int | Response | Exception


def answer(status: int, **headers: str) -> Response:
    """Make an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, b"body", URL)


@dataclass
class Drawer:
    """Tokens that are numbered; counts how often they were looked at and renewed."""

    number: int = 1
    looked: int = 0
    refused: list[str] = field(default_factory=list)

    async def current(self) -> Credentials:
        self.looked += 1
        return Credentials(Secret(f"token {self.number}"))

    async def renew(self, refused: Credentials) -> Credentials:
        self.refused.append(refused.access.reveal())
        self.number += 1
        return await self.current()


class Road:
    """A driver whose bank says one thing after another, and whose time passes by sleeping."""

    def __init__(self, says: Sequence[Said], limits: Limits | None = None) -> None:
        self.says = list(says)
        self.now = NOW
        self.sent: list[Request] = []
        self.slept: list[float] = []
        self.tokens = Drawer()
        self.driver = Driver(
            connector=FakeBank(),
            send=self._send,
            tokens=self.tokens,
            tally=Tally(),
            metrics=Metrics(),
            clock=lambda: self.now,
            sleep=self._sleep,
            random=lambda: 1.0,
            limits=limits or Limits(),
        )

    async def _send(self, request: Request) -> Response:
        self.sent.append(request)
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return answer(said) if isinstance(said, int) else said

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def ask(self, request: Request = GET) -> Response:
        """Ask once."""
        return play(self.driver.ask(request))

    def halt(self, request: Request = GET) -> Ending:
        """Ask once, and return the ending that comes of it."""
        with pytest.raises(Halt) as caught:
            self.ask(request)
        return caught.value.ending
