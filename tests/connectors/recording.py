"""What each connector's face of the sandbox bank answered, to be replayed, as it was or spoilt."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from penstock.connectors import build
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Connector, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Discovery
from penstock.sandbox.scenario import Scenario
from tests.connectors.driving import Driver, Found, Ledger, by_hand
from tests.sandbox.visitor import Visitor, visiting

GARBAGE: list[Any] = [
    None, True, 0, -1, 1.5, 10**40, float("nan"), float("inf"), "", " ", "0", "NaN", "1e999",
    "-Infinity", "9" * 400, "\u0000", "<html>", "2026-02-30", "٣", [], {}, [[]], {"x": {}},
]  # fmt: skip
BODIES = [
    b"", b" ", b"null", b"true", b"[]", b"{}", b'"x"', b"0", b"NaN", b"1e999", b"\xff\xfe\x00",
    b"<!doctype html><h1>Maintenance</h1>", b'{"a":' * 50_000, b"[" * 100_000, b'{"a":1}{"b":2}',
    b'{"error":"invalid_token"}', b"\xef\xbb\xbf{}",
]  # fmt: skip


async def own_access(visitor: Visitor) -> str:
    """Link as the sandbox connector's client does."""
    await visitor.link()
    return str(visitor.tokens["access_token"])


async def personal_access(visitor: Visitor) -> str:
    """Make a token by hand."""
    return visitor.bank.authority.personal_token("ada", Scenario.CALM)


NOT_FOUND = Response(404, {}, b"")
FACES = {"sandbox": ("", own_access), "starling": ("/starling", personal_access)}
"""For each connector: where its face is at the sandbox bank, and how to get a token there."""


@dataclass
class Recording:
    """What a face answered, and what the connector made of it."""

    connector: Connector
    answers: dict[str, Response]
    discovery: Discovery
    found: Found

    def replay(self, spoilt: dict[str, bytes] | None = None) -> Found:
        """Discover and pull everything again from the recorded answers, some of them spoilt."""

        def answer(request: Request) -> Response:
            told = self.answers.get(request.url)
            if told is None:  # a spoilt id led astray: a 404, which ends a run
                assert self.connector.classify(NOT_FOUND).kind is VerdictKind.CONTRACT
                raise ContractBroken
            body = (spoilt or {}).get(request.url, told.body)
            return Response(told.status, told.headers, body, told.url)

        _, discovery = by_hand(self.connector.discover(), answer)
        found: Found = []
        for stream in self.connector.streams(discovery):
            found += by_hand(self.connector.pull(stream, None), answer)[0]
        return found


class Recorder(Driver):
    """A driver that keeps what it was told."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.answers: dict[str, Response] = {}

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        self.answers[request.url] = response
        return response


@cache
def recorded(name: str) -> Recording:
    """Return what the connector's face tells of a world that has moved a little."""

    async def story() -> Recording:
        async with visiting(transactions=30, page_size=40) as visitor:
            path, get_access = FACES[name]
            url = visitor.bank.url
            connector = build({f"{name}_url": Secret(f"{url}{path}")})[name]
            visitor.bank.world.settle("tx-ada-00000028")
            visitor.bank.world.remove("tx-ada-00000004")
            driver = Recorder(connector, visitor.http, await get_access(visitor))
            ledger = Ledger()
            came = await driver.update(ledger)
            found = [step for _, steps in came for step in steps]
            assert ledger.discovery is not None
            return Recording(connector, driver.answers, ledger.discovery, found)

    return asyncio.run(story())


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a JSON document."""
    yield path
    parts: Any = ()
    if isinstance(content, dict):
        parts = content.items()
    elif isinstance(content, list):
        parts = enumerate(content[:3])
    for key, part in parts:
        yield from places(part, (*path, key))


def replaced(content: Any, path: tuple[Any, ...], garbage: Any) -> Any:
    """Return a document with one value replaced, or left out where the garbage is an ellipsis."""
    if not path:
        return None if garbage is ... else garbage
    content = deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    if garbage is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = garbage
    return content
