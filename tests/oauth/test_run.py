"""Running a step that asks."""

import asyncio
from collections.abc import Generator

import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.request import Request, Response
from penstock.oauth.run import run

ASKED = Request("POST", "https://bank.example/", authorized=False)


def test_each_request_is_answered_and_the_value_comes_back() -> None:
    """What a step yields is sent, in order, and what it returns is returned."""
    sent: list[Request] = []

    async def send(request: Request) -> Response:
        sent.append(request)
        return Response(200 + len(sent), {}, b"")

    def step() -> Generator[Request, Response, list[int]]:
        first = yield ASKED
        second = yield ASKED
        return [first.status, second.status]

    assert asyncio.run(run(step(), send)) == [201, 202]
    assert sent == [ASKED, ASKED]


def test_a_failure_is_not_tried_again() -> None:
    """O6: a code or a rotating token may be used up by a request whose answer was lost."""
    closed: list[bool] = []

    async def send(_request: Request) -> Response:
        raise TransportFailure

    def step() -> Generator[Request, Response, None]:
        try:
            yield ASKED
        finally:
            closed.append(True)

    with pytest.raises(TransportFailure):
        asyncio.run(run(step(), send))
    assert closed == [True]
