"""The listener to which the bank sends the browser back."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx2
import pytest

from penstock.cli.loopback import Listener, listening

STATE = "expected"
Try = Callable[[Listener, httpx2.AsyncClient], Awaitable[httpx2.Response]]


def callback(attempt: Try, *, seconds: float = 5) -> tuple[httpx2.Response, str]:
    """Listen, make one attempt, and return its answer with the query that was taken."""

    async def run() -> tuple[httpx2.Response, str]:
        async with listening("/callback/bank") as listener, httpx2.AsyncClient() as http:
            listener.expect(STATE)
            answer = await attempt(listener, http)
            return answer, await listener.callback(seconds=seconds)

    return asyncio.run(run())


def refused(attempt: Try) -> int:
    """Make an attempt that is not taken, then a good one; return the first answer's status."""
    statuses = []

    async def both(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        statuses.append((await attempt(listener, http)).status_code)
        return await http.get(f"{listener.redirect_uri}?code=good&state=expected")

    _, query = callback(both)
    assert query == "code=good&state=expected"
    return statuses[0]


def test_the_callback_is_taken() -> None:
    """The query comes back unchanged, and the person is told to go back to the terminal."""

    async def good(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.get(f"{listener.redirect_uri}?code=a%2Bb&state=expected&iss=x")

    answer, query = callback(good)
    assert query == "code=a%2Bb&state=expected&iss=x"
    assert answer.status_code == 200
    assert "terminal" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_refusal_of_the_bank_is_taken_too() -> None:
    """`error=access_denied` is an answer: what it means is for the server to say."""

    async def denied(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.get(f"{listener.redirect_uri}?error=access_denied&state=expected")

    assert callback(denied)[1] == "error=access_denied&state=expected"


@pytest.mark.parametrize(
    "query",
    ["?code=evil&state=guessed", "?code=evil", "", "?code=evil&state=expected&state=guessed"],
)
def test_a_foreign_state_is_not_taken(query: str) -> None:
    """Another page cannot end the link with a code or an error of its own."""

    async def foreign(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.get(f"{listener.redirect_uri}{query}")

    assert refused(foreign) == 400


def test_another_path_is_not_ours() -> None:
    """A browser's request for its icon, or a callback for another bank, is not taken."""

    async def other(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        url = listener.redirect_uri.replace("/callback/bank", "/callback/other")
        return await http.get(f"{url}?code=evil&state=expected")

    assert refused(other) == 404


def test_another_name_is_not_ours() -> None:
    """A name that was rebound to this machine is refused: the Host must be the one we gave."""

    async def rebound(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Host": "evil.example"}
        return await http.get(f"{listener.redirect_uri}?code=e&state=expected", headers=headers)

    assert refused(rebound) == 404


def test_a_post_is_not_taken() -> None:
    """A form that some page submits is no callback."""

    async def post(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        return await http.post(f"{listener.redirect_uri}?code=evil&state=expected")

    assert refused(post) == 405


def test_noise_does_not_end_it() -> None:
    """Bytes that are no HTTP, and heads without end, are dropped; the wait goes on."""

    async def noise(listener: Listener, http: httpx2.AsyncClient) -> httpx2.Response:
        port = urlsplit(listener.redirect_uri).port
        for content in (b"\x16\x03\x01", b"GET / HTTP/1.1\r\n" + b"x" * 100_000, b"\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(content)
            writer.write_eof()
            await asyncio.gather(reader.read(), return_exceptions=True)
            writer.close()
        return await http.get(f"{listener.redirect_uri}?code=good&state=expected")

    assert callback(noise)[1] == "code=good&state=expected"


def test_it_does_not_wait_for_ever() -> None:
    """Where nobody comes back, the wait ends."""

    async def run() -> None:
        async with listening("/callback/bank") as listener:
            listener.expect(STATE)
            await listener.callback(seconds=0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_a_pasted_address_is_taken() -> None:
    """On a machine without a browser the person pastes the address that they were sent to."""

    async def run() -> str:
        async with listening("/callback/bank") as listener:
            assert not listener.accept("http://127.0.0.1:1/?state=expected")  # nobody was sent
            listener.expect(STATE)
            assert not listener.accept("hello")
            assert not listener.accept("http://127.0.0.1:1/callback/bank?code=x&state=other")
            assert listener.accept("http://127.0.0.1:1/callback/bank?code=x&state=expected\n")
            return await listener.callback(seconds=5)

    assert asyncio.run(run()) == "code=x&state=expected"


def test_it_listens_on_this_machine_only() -> None:
    """The address is 127.0.0.1 with a port that was free."""

    async def run() -> str:
        async with listening("/callback/bank") as listener:
            return listener.redirect_uri

    parts = urlsplit(asyncio.run(run()))
    assert parts.hostname == "127.0.0.1"
    assert parts.port
    assert parts.path == "/callback/bank"


def test_a_port_may_be_asked_for() -> None:
    """Some banks want to be told the whole address before: then it is always the same."""

    async def run() -> None:
        async with listening("/callback/bank") as first:
            taken = urlsplit(first.redirect_uri).port
            assert taken
            with pytest.raises(OSError, match=r"in use|denied|permitted"):
                async with listening("/callback/bank", taken):
                    pass
        async with listening("/callback/bank", taken) as again:
            assert again.redirect_uri == f"http://127.0.0.1:{taken}/callback/bank"

    asyncio.run(run())
