"""What each connector's face of the sandbox bank answered, to be replayed, as it was or spoilt."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Connector, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.update import Discovery
from tests.connectors.driving import Driver, Found, Ledger, by_hand
from tests.connectors.linking import connector_at, link
from tests.sandbox.visitor import visiting

GARBAGE: list[Any] = [
    None, True, 0, -1, 1.5, 10**40, float("nan"), float("inf"), "", " ", "0", "NaN", "1e999",
    "-Infinity", "9" * 400, "\u0000", "<html>", "2026-02-30", "٣", [], {}, [[]], {"x": {}},
]  # fmt: skip
BODIES = [
    b"", b" ", b"null", b"true", b"[]", b"{}", b'"x"', b"0", b"NaN", b"1e999", b"\xff\xfe\x00",
    b"<!doctype html><h1>Maintenance</h1>", b'{"a":' * 50_000, b"[" * 100_000, b'{"a":1}{"b":2}',
    b'{"error":"invalid_token"}', b"\xef\xbb\xbf{}",
]  # fmt: skip


NOT_FOUND = Response(404, {}, b"")


def asked_for(request: Request) -> str:
    """Return what tells one request from another."""
    return request.url + (f" {request.body.decode()}" if request.body else "")


@dataclass
class Recording:
    """What a face answered, and what the connector made of it."""

    connector: Connector
    credentials: Credentials
    answers: dict[str, Response]
    requests: list[Request]
    discovery: Discovery
    found: Found

    def replay(self, spoilt: dict[str, bytes] | None = None) -> Found:
        """Discover and pull everything again from the recorded answers, some of them spoilt."""

        def answer(request: Request) -> Response:
            told = self.answers.get(asked_for(request))
            if told is None:  # a spoilt id led astray: a 404, which ends a run
                assert self.connector.classify(NOT_FOUND).kind is VerdictKind.CONTRACT
                raise ContractBroken
            body = (spoilt or {}).get(asked_for(request), told.body)
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
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        response = await super().send(request)
        self.answers[asked_for(request)] = response
        self.requests.append(request)
        return response


@cache
def recorded(name: str) -> Recording:
    """Return what the connector's face tells of a world that has moved a little."""

    async def story() -> Recording:
        async with visiting(transactions=30, page_size=40) as visitor:
            connector = connector_at(name, visitor.bank.url)
            credentials = await link(connector, visitor.bank, visitor.http)
            visitor.bank.world.settle("tx-ada-00000028")
            visitor.bank.world.remove("tx-ada-00000004")
            driver = Recorder(connector, visitor.http, credentials)
            ledger = Ledger()
            came = await driver.update(ledger)
            found = [step for _, steps in came for step in steps]
            assert ledger.discovery is not None
            return Recording(
                connector, credentials, driver.answers, driver.requests, ledger.discovery, found
            )

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
