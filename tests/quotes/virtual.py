"""Time that jumps: an event loop in which nobody waits, and a clock that goes with it."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from penstock.domain.request import Request, Response
from penstock.quotes.alone import AcceptedAlone, AnswersAlone, GateAlone
from penstock.quotes.declaration import Anchored, Ask, Declaration, Guards, Names, Tier
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.manners import Politeness, Sane
from tests.quotes.answers import HTML, NOW, Answer, example

_Made = TypeVar("_Made")

HANG: Final = "never answers"

Behaviour = Answer | str | Callable[[Request], Answer | str]


class _Jumping(selectors.DefaultSelector):
    """Instead of waiting, lets the time pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for what never comes")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when all wait for it."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._jumping.now


def clock() -> datetime:
    """Return the instant in the running loop."""
    return NOW + timedelta(seconds=asyncio.get_running_loop().time())


def live(make: Callable[[], Awaitable[_Made]]) -> _Made:
    """Run a coroutine in time that jumps."""

    async def run() -> _Made:
        return await make()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


@dataclass
class Site:
    """Answers as it is told to; what it was not told about is not found. Remembers who asked."""

    pages: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        self.at.append(asyncio.get_running_loop().time())
        answer = self.pages.get(request.url, Response(404, HTML, b"", request.url))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, str):
            await asyncio.get_running_loop().create_future()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Response)
        return answer

    @property
    def asked(self) -> list[str]:
        """The addresses, in order."""
        return [request.url for request in self.requests]


@dataclass
class Stores:
    """What outlives one engine."""

    answers: AnswersAlone = field(default_factory=AnswersAlone)
    accepted: AcceptedAlone = field(default_factory=AcceptedAlone)
    gate: GateAlone = field(default_factory=lambda: GateAlone(clock=clock))

    def engine(self, site: Site, sources: Sequence[Declaration], **more: Any) -> QuoteEngine:
        """Return an engine over these."""
        return QuoteEngine(
            sources,
            site,
            clock=clock,
            answers=self.answers,
            accepted=self.accepted,
            gate=self.gate,
            **more,
        )


def place(name: str) -> str:
    """Return where a source of ours has its pages."""
    return f"https://{name}.example.com/"


def declared(
    name: str, *, sane: Sane | None = None, tier: Tier = Tier.SCRAPE, **polite: Any
) -> Declaration:
    """Return a source of its own host, with the example's way to the price."""
    return example(
        id=name,
        tier=tier,
        title=name.title(),
        hosts=(f"{name}.example.com",),
        ask=Ask(listing=place(name) + "{ticker}"),
        politeness=Politeness(**polite),
        sane=sane or Sane(),
    )


def batched(name: str, batch: int, **polite: Any) -> Declaration:
    """Return a source that answers lines of `TICKER=price USD` for many symbols at once."""
    return msgspec.structs.replace(
        declared(name, **polite),
        ask=Ask(
            listing=place(name) + "q?s={symbols}",
            symbol=Names(listing="{ticker}"),
            batch=batch,
        ),
        guards=Guards(),
        extract=(
            Anchored(
                name="line", anchor="<{ticker}=", pattern=r"(?P<price>[^ ]*) (?P<currency>[A-Z]{3})"
            ),
        ),
    )


def lines(prices: Mapping[str, str]) -> Response:
    """Return what such a source answers."""
    body = "".join(f"<{ticker}={price} USD>" for ticker, price in prices.items())
    return Response(200, HTML, body.encode())


def pages(name: str, prices: Mapping[str, str]) -> dict[str, Behaviour]:
    """Return a source's pages about these tickers."""
    return {
        place(name) + ticker: priced(ticker, price, place(name)) for ticker, price in prices.items()
    }


def priced(ticker: str, price: str, at: str, unit: str = "USD", **headers: str) -> Response:
    """Return a page about a ticker."""
    body = (
        f'({ticker})<x-price data-symbol="{ticker}" data-field="last" value="{price}" '
        f'data-unit="{unit}">'
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, HTML | named, body.encode(), at + ticker)


async def later(seconds: float) -> None:
    """Let so many seconds pass."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over
