"""The transport that speaks with an app in this process."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from penstock.cli.in_process import BASE_URL, App, AppTransport, Message

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def client(app: App) -> httpx2.AsyncClient:
    """Return a client of an app."""
    return httpx2.AsyncClient(transport=AppTransport(app), base_url=BASE_URL)


async def start(send: Send, status: int = 200) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-a", b"b")]})


def test_a_request_arrives_whole() -> None:
    """Method, path, query, headers and body reach the app, and its answer comes back."""

    async def echo(scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode()
        await start(send, 201)
        await send({"type": "http.response.body", "body": said + message["body"]})

    async def run() -> None:
        async with client(echo) as http:
            answer = await http.post("/v1/é", params={"q": "a b"}, content=b"body")
            assert answer.status_code == 201
            assert answer.headers["x-a"] == "b"
            assert answer.text == "POST /v1/é q=a+b body"

    asyncio.run(run())


def test_an_answer_streams() -> None:
    """A body of any size is read while it is written: the app is never far ahead of the reader."""
    ahead = 0

    async def flood(_scope: Message, _receive: Receive, send: Send) -> None:
        nonlocal ahead
        await start(send)
        for _ in range(1000):
            ahead += 1
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> None:
        nonlocal ahead
        furthest = size = 0
        async with client(flood) as http, http.stream("GET", "/") as answer:
            async for chunk in answer.aiter_bytes():
                furthest = max(furthest, ahead)
                ahead -= 1
                size += len(chunk)
        assert size == 1_000_000
        assert furthest < 30

    asyncio.run(run())


def test_an_app_that_fails_first_is_heard() -> None:
    """What the app raises before it answers is raised where the request was made."""

    async def fail(_scope: Message, _receive: Receive, _send: Send) -> None:
        raise LookupError("no answer")

    async def run() -> None:
        async with client(fail) as http:
            await http.get("/")

    with pytest.raises(LookupError, match="no answer"):
        asyncio.run(run())


def test_an_app_that_fails_later_is_heard() -> None:
    """A body that breaks off is an error for whoever reads it, never a shorter body."""

    async def fail(_scope: Message, _receive: Receive, send: Send) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError("the other half")

    async def run() -> None:
        async with client(fail) as http:
            await http.get("/")

    with pytest.raises(LookupError, match="the other half"):
        asyncio.run(run())


def test_an_app_that_says_nothing_is_an_error() -> None:
    """An app that returns without an answer does not leave the reader waiting."""

    async def silence(_scope: Message, _receive: Receive, _send: Send) -> None:
        return

    async def run() -> None:
        async with client(silence) as http:
            await http.get("/")

    with pytest.raises(RuntimeError, match="no answer"):
        asyncio.run(run())


@pytest.mark.parametrize("read_some", [True, False])
def test_a_reader_who_leaves_ends_the_app(*, read_some: bool) -> None:
    """Closing an answer in the middle ends the app's work on it."""
    ended = False

    async def endless(_scope: Message, _receive: Receive, send: Send) -> None:
        nonlocal ended
        await start(send)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended = True

    async def run() -> None:
        async with client(endless) as http, http.stream("GET", "/") as answer:
            if read_some:
                await anext(answer.aiter_bytes())

    asyncio.run(run())
    assert ended
