"""The HTTP client on a good day, and what it makes of a request."""

import asyncio
import gzip
import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from penstock.domain.errors import DestinationRefused, InvalidInput, TransportFailure
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.observe.log import configure
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from tests.outbound.servers import ok, saying, serving, serving_app


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Log lines at debug level, given back to how logging was afterwards."""
    handlers, level = logging.root.handlers[:], logging.root.level
    stream = io.StringIO()
    configure(json=True, level="debug", stream=stream)
    yield stream
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.captureWarnings(capture=False)


def ask(
    answer: bytes, make: Callable[[str], Request], *, metrics: Metrics | None = None
) -> tuple[Response, list[bytes]]:
    """Send the request that `make` makes of a server's address; return the answer and its head."""

    async def story() -> tuple[Response, list[bytes]]:
        async with (
            serving(saying(answer)) as server,
            Outbound(allow=[server.named], metrics=metrics) as outbound,
        ):
            return await outbound.send(make(server.url)), server.heard

    return asyncio.run(story())


def test_the_whole_answer_comes_back() -> None:
    """Status, lower-case headers and body; the address is the one that was asked."""
    answer = ok(b'{"a":1}', b"Content-Type: application/json", b"X-Left: 5", b"x-left: 6")
    response, _ = ask(answer, lambda url: Request("GET", f"{url}/accounts?cursor=%2Fx"))
    assert response.status == 200
    assert response.body == b'{"a":1}'
    assert response.headers == {
        "content-length": "7",
        "content-type": "application/json",
        "x-left": "5, 6",
    }
    assert response.url.endswith("/accounts?cursor=%2Fx")


def test_what_is_sent_is_what_was_asked() -> None:
    """Method, path, query, headers and body go out as they are; we name ourselves, no more."""
    _, heard = ask(
        ok(b""),
        lambda url: Request("POST", f"{url}/a%2Fb?x=%7E+1", {"X-Mine": "yes"}, b"body"),
    )
    first, *rest = heard[0].decode().rstrip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    assert first == "POST /a%2Fb?x=%7E+1 HTTP/1.1"
    assert headers.pop("Host").startswith("127.0.0.1:")
    assert headers.pop("User-Agent").startswith("penstock/")
    assert headers == {
        "X-Mine": "yes",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Content-Length": "4",
    }


def test_any_status_is_an_answer() -> None:
    """What a status means is for the connector to say, not for us."""
    for line in (b"HTTP/1.1 204 None", b"HTTP/1.1 404 No", b"HTTP/1.1 503 Busy", b"HTTP/1.1 999 X"):
        answer = line + b"\r\nContent-Length: 0\r\n\r\n"
        response, _ = ask(answer, lambda url: Request("GET", url))
        assert response.status == int(line[9:12])


def test_compressed_bodies_are_opened() -> None:
    """A body that was compressed on the way comes back as it was."""
    answer = ok(gzip.compress(b"x" * 1000), b"Content-Encoding: GZip")
    response, _ = ask(answer, lambda url: Request("GET", url))
    assert response.body == b"x" * 1000


def test_members_of_a_compressed_body_follow_one_another() -> None:
    """A body may be compressed piece by piece (RFC 1952 §2.2), or be empty."""
    pieces = gzip.compress(b"x" * 500) + gzip.compress(b"") + gzip.compress(b"y" * 500)
    for body, opened in ((pieces, b"x" * 500 + b"y" * 500), (b"", b"")):
        answer = ok(body, b"Content-Encoding: x-gzip")
        response, _ = ask(answer, lambda url: Request("GET", url))
        assert response.body == opened


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    """X2: where a redirect leads is not asked: nobody sends us anywhere."""

    async def story() -> None:
        inside = saying(ok(b"inside"))
        async with serving(inside) as secret:
            redirect = (
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b/\r\n\r\n"
                % secret.url.encode()
            )
            async with (
                serving(saying(redirect)) as server,
                Outbound(allow=[server.named, secret.named]) as outbound,
            ):
                response = await outbound.send(Request("GET", server.url))
            assert response.status == 302
            assert response.headers["location"] == f"{secret.url}/"
            assert secret.heard == []

    asyncio.run(story())


def test_cookies_are_neither_kept_nor_shown() -> None:
    """One person's session must never travel with another person's request."""

    async def story() -> None:
        answer = ok(b"", b"Set-Cookie: session=canary; Path=/")
        async with (
            serving(saying(answer)) as server,
            Outbound(allow=[server.named]) as outbound,
        ):
            first = await outbound.send(Request("GET", server.url))
            await outbound.send(Request("GET", server.url))
        assert "set-cookie" not in first.headers
        assert b"canary" not in b"".join(server.heard)

    asyncio.run(story())


def test_a_header_that_is_no_text_is_made_readable() -> None:
    """A header in another encoding must not become text that cannot be stored."""
    response, _ = ask(ok(b"", b"X-Name: K\xf6ln"), lambda url: Request("GET", url))
    response.headers["x-name"].encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nX-Injected: yes"),
        ("X-A", "b\nc"),
        ("X-A", "b\x00"),
        ("X-A", "ä"),
        ("X-A", "\ud800"),
        ("X-A\r\nX-Injected", "yes"),
        ("X-A: b", "yes"),
        ("", "yes"),
        ("Host", "elsewhere.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
    ],
)
def test_a_header_cannot_become_another(name: str, value: str) -> None:
    """X4: no value ends its line, and how a message is framed is not for the caller to say."""
    with pytest.raises(InvalidInput) as caught:
        ask(ok(b""), lambda url: Request("GET", url, {name: value}))
    assert value not in str(caught.value)


@pytest.mark.parametrize("method", ["", "get", "GET /x HTTP/1.1\r\nX: y", "GE T", "GÉT"])
def test_a_method_cannot_become_a_request_line(method: str) -> None:
    """X4: a method is capital letters and nothing else."""
    with pytest.raises(InvalidInput):
        ask(ok(b""), lambda url: Request(method, url))


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable left lying about must not see what we send."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    response, _ = ask(ok(b"straight"), lambda url: Request("GET", url))
    assert response.body == b"straight"


def test_connections_are_reused_and_bounded() -> None:
    """One connection serves many requests, and no more are open than allowed."""

    async def story() -> tuple[int, int]:
        present, most, peers = 0, 0, set()
        all_are_here = asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            nonlocal present, most
            present += 1
            most = max(most, present)
            assert request.transport is not None
            peers.add(request.transport.get_extra_info("peername"))
            if present == 3:
                all_are_here.set()
            await all_are_here.wait()
            present -= 1
            return web.Response(text="x")

        app = web.Application()
        app.router.add_get("/", answer)
        async with (
            serving_app(app) as server,
            Outbound(allow=[server.named], connections=3) as outbound,
        ):
            await asyncio.gather(*(outbound.send(Request("GET", server.url)) for _ in range(12)))
        return most, len(peers)

    assert asyncio.run(story()) == (3, 3)


def test_it_is_a_sender() -> None:
    """What drives a connector needs no more than `send`."""
    sender: Sender = Outbound().send
    assert callable(sender)


def test_what_is_sent_is_counted() -> None:
    """Each request is counted by connector and status class, refusals and failures too."""

    async def story(metrics: Metrics) -> None:
        slow_down = b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"
        async with serving(saying(slow_down)) as server:
            named = [server.named, "127.0.0.1:9"]
            async with Outbound(allow=named, metrics=metrics) as outbound:
                await outbound.send(Request("GET", server.url), connector="sandbox")
                with pytest.raises(DestinationRefused):
                    await outbound.send(Request("GET", "http://10.0.0.1"), connector="sandbox")
                with pytest.raises(TransportFailure):
                    await outbound.send(Request("GET", "http://127.0.0.1:9"), connector="sandbox")

    metrics = Metrics()
    asyncio.run(story(metrics))
    counts = {
        (sample.name, sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(metrics.render()[0].decode())
        for sample in family.samples
        if sample.labels.get("connector") == "sandbox"
    }
    for status in ("4xx", "refused", "failed"):
        assert counts["penstock_outbound_requests_total", status] == 1
    assert counts["penstock_outbound_request_seconds_count", None] == 3


def test_a_request_leaves_a_line_without_its_secrets(log: io.StringIO) -> None:
    """K3: the debug line has where, how it went, how much and how long: no query, no header."""
    ask(
        ok(b"canary", b"X-Secret: canary"),
        lambda url: Request(
            "POST", f"{url}/token?code=canary", {"Authorization": "Bearer canary"}, b"canary"
        ),
    )
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    asked = next(line for line in lines if line["event"] == "asked")
    assert asked["method"] == "POST"
    assert asked["url"].endswith("/token")
    assert asked["outcome"] == "2xx"
    assert asked["bytes"] == 6
    assert 0 <= asked["seconds"] < 30
    assert "canary" not in log.getvalue()
