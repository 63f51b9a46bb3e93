"""Messages reach a mail server and a webhook of this machine, and no secret reaches a log."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from penstock.domain.errors import TransportFailure
from penstock.domain.secret import Secret
from penstock.outbound.notify import notify, scheme_of

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is:DeprecationWarning")
"""Apprise asks for a module that Python 3.13 has no more, and does without it."""

TOKEN = "t0ken-that-nobody-may-see"


class Box:
    """A mailbox: what was put into it, whole."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.letters.append(envelope)
        return "250 taken"


@pytest.fixture
def post() -> Iterator[tuple[str, Box]]:
    """Run a mail server on a free port; return its address and its box."""
    box = Box()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield (
            f"mailto://127.0.0.1:{port}/?from=ops@example.org&to=ann@example.org&mode=insecure",
            box,
        )
    finally:
        controller.stop()


class Hook(HTTPServer):
    """A webhook: what was sent to it, and what it answers."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.heard: list[Any] = []
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Hook)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture(params=[200, 500])
def hook(request: pytest.FixtureRequest) -> Iterator[Hook]:
    """Run a webhook, one that takes messages and one that does not."""
    server = Hook(request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_mail_arrives(post: tuple[str, Box]) -> None:
    """A real SMTP server gets the title as the subject, and the text, to whom it was addressed."""
    address, box = post
    asyncio.run(notify(Secret(address), "Penstock: 1 to look at", "Mill Bank\n  Renew it."))
    [letter] = box.letters
    assert letter.rcpt_tos == ["ann@example.org"]
    content = letter.content.decode()
    assert "Subject: Penstock: 1 to look at" in content
    assert "Mill Bank" in content
    assert "Renew it." in content


def test_a_webhook_is_called_or_it_is_said(
    hook: Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """K3: a real webhook gets the message; one that fails is an error, without its address."""
    caplog.set_level(logging.DEBUG)
    address = Secret(f"json://ops:{TOKEN}@127.0.0.1:{hook.server_address[1]}/{TOKEN}")
    if hook.status == 200:
        asyncio.run(notify(address, "title", "text"))
    else:
        with pytest.raises(TransportFailure, match="json was not taken") as failed:
            asyncio.run(notify(address, "title", "text"))
        assert TOKEN not in repr(failed.value)
    path, body = hook.heard[0]
    assert path == f"/{TOKEN}"
    assert (body["title"], body["message"]) == ("title", "text")
    shown = [one.getMessage() for one in caplog.records if one.name.startswith("apprise")]
    assert shown == []
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize("address", ["", "nonsense", f"nonsense://{TOKEN}", "mailto://"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    """K3: whoever wrote it wrong hears which kind it was, and not what stood in it."""
    with pytest.raises(TransportFailure, match="not one that Apprise knows") as failed:
        asyncio.run(notify(Secret(address), "title", "text"))
    assert TOKEN not in str(failed.value)


def test_only_the_kind_of_an_address_is_shown() -> None:
    """K3: the scheme is all of it that may be seen."""
    assert scheme_of(Secret(f"MailTos://ann:{TOKEN}@example.org")) == "mailtos"
    assert scheme_of(Secret(TOKEN)) == "unknown"
