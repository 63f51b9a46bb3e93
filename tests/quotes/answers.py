"""What the tests of quotes share: recorded answers, and a sender and a clock that are not real."""

import asyncio
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from penstock.domain.pricing import Gate
from penstock.domain.protocol import Sender
from penstock.domain.quote import QuoteError
from penstock.domain.request import Request, Response
from penstock.quotes.catalogue import sources_named
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.keys import Keys
from penstock.quotes.quest import Outcome
from penstock.quotes.symbol import Symbol, candidates_of

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests" / "recorded" / "quotes"
SHARED = ROOT.parent / "shared" / "data" / "market"

ECB = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
SITE = "https://www.example.com/quote/"
ROBOTS = "https://www.example.com/robots.txt"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HTML = {"content-type": "text/html; charset=utf-8"}


def recorded(name: str) -> bytes:
    """Return one of our own small answers."""
    return (RECORDED / name).read_bytes()


def shared(name: str) -> bytes:
    """Return a real recorded answer; without them the test is skipped, with the reason."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the recorded answer {name} is not on this machine")
    body = path.read_bytes()
    return gzip.decompress(body) if name.endswith(".gz") else body


def page(body: bytes | str, url: str = "", status: int = 200, **headers: str) -> Response:
    """Return an answer with a page in it. Header names are written with `_`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, HTML | named, body.encode() if isinstance(body, str) else body, url)


def symbol(text: str) -> Symbol:
    """Return the first thing that a symbol may stand for."""
    return candidates_of(text)[0]


def source(name: str) -> Declaration:
    """Return a source that comes with Penstock."""
    return sources_named([name])[0]


def example(**changes: object) -> Declaration:
    """Return the declaration of example.toml, with some of its fields changed."""
    declared = read_declaration(recorded("example.toml").decode(), "example.toml")
    return msgspec.structs.replace(declared, **changes)


Answer = Response | Exception


@dataclass
class FakeSender:
    """Answers from a table of addresses; what it does not have is not found. Remembers requests."""

    answers: Mapping[str, Answer | Callable[[Request], Answer]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request.url)
        answer = self.answers.get(request.url, Response(404, HTML, b"", request.url))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeTime:
    """A clock that stands still until somebody waits, and the waits."""

    now: datetime = NOW
    waits: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


OPEN = page("User-agent: *\nAllow: /\n")


def about(ticker: str, value: str = "5", at: str = SITE) -> Response:
    """Return the example source's page about a ticker."""
    return page(
        f'({ticker})<x-price data-symbol="{ticker}" data-field="last" value="{value}" '
        'data-unit="USD">',
        f"{at}{ticker}",
    )


def fetch(
    symbols: Sequence[str],
    sender: Sender,
    sources: Sequence[Declaration],
    *,
    time: FakeTime | None = None,
    disabled: Sequence[Declaration] = (),
    gate: Gate | None = None,
    keys: Keys | None = None,
    asked: str | None = None,
) -> list[Outcome]:
    """Fetch with an engine of its own."""
    time = time or FakeTime()

    async def run() -> list[Outcome]:
        engine = QuoteEngine(
            sources,
            sender,
            clock=time.clock,
            disabled=disabled,
            gate=gate,
            sleep=time.sleep,
            keys=keys,
        )
        return await engine.fetch(symbols, source=asked)

    return asyncio.run(run())


def names(outcomes: Sequence[Outcome]) -> list[str]:
    """Return prices as texts, and errors by their code."""
    return [o.code if isinstance(o, QuoteError) else str(o.price) for o in outcomes]
