"""`uvicorn penstock.asgi:app`, as somebody starts it."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

GOOD = "correct horse battery"


@dataclass
class Server:
    """A server in a process of its own, and what it has said so far."""

    process: subprocess.Popen[str]
    said: "queue.Queue[str]"
    heard: list[str]

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first line that matches, waiting for it."""
        while True:
            line = self.said.get(timeout=30)
            self.heard.append(line)
            if found := re.search(pattern, line):
                return found


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start uvicorn on a free port over a home that is not there yet."""
    environment = {
        **os.environ,  # noqa: TID251 - a program that is started gets one
        "PENSTOCK_HOME": str(tmp_path / "home"),
        "PENSTOCK_QUOTE_SOURCES": "",
        **getattr(request, "param", {}),
    }
    command = [sys.executable, "-m", "uvicorn", "penstock.asgi:app", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        said: queue.Queue[str] = queue.Queue()

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                said.put(line)

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield Server(process, said, [])
        finally:
            process.terminate()
            process.wait(30)
            listener.join(30)


def test_a_first_day(server: Server) -> None:
    """Done-line 3: it starts on nothing, shows its docs, makes the first person, lets them in."""
    link = server.wait_for(r"/(setup\?link=\S+)")[1]
    address = server.wait_for(r"running on (http://127\.0\.0\.1:\d+)")[1]
    with httpx2.Client(base_url=address) as client:
        assert client.get("/readyz").json()["status"] == "ok"
        assert client.get("/docs").status_code == 200
        assert client.get("/v1/me").status_code == 401
        assert client.get(f"/{link}").status_code == 200
        form = {
            "link": link.partition("=")[2],
            "username": "ada",
            "password": GOOD,
            "again": GOOD,
        }
        assert client.post("/setup", data=form).status_code == 200
        sign_in = {"grant_type": "password", "username": "ada", "password": GOOD}
        token = client.post("/token", data=sign_in).json()["access_token"]
        me = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["username"] == "ada"
        request_id = me.headers["x-request-id"]
    server.process.terminate()
    server.process.wait(30)
    while not server.said.empty():
        server.heard.append(server.said.get())
    log = [line for line in server.heard if line.startswith("{")]
    lines = [json.loads(line) for line in log]
    answered = [line for line in lines if line["event"] == "request_answered"]
    assert [line["path"] for line in answered if line.get("request_id") == request_id] == ["/v1/me"]
    for secret in (GOOD, token, form["link"]):
        assert not any(secret in line for line in log)
    assert not any(line["level"] == "error" for line in lines)


@pytest.mark.parametrize(
    "server", [{"PENSTOCK_PUBLIC_URL": "https://home.example/penstock"}], indirect=True
)
def test_the_first_link_leads_through_the_proxy(server: Server) -> None:
    """Where a proxy serves us below a path, the link for the first person has that path."""
    assert server.wait_for(r"(https://\S+)setup\?link=")[1] == "https://home.example/penstock/"


def test_settings_that_cannot_be_used_stop_it(tmp_path: Path) -> None:
    """A slip in the settings is told by its name, and nothing is served."""
    environment = {
        **os.environ,  # noqa: TID251 - a program that is started gets one
        "PENSTOCK_HOME": str(tmp_path / "home"),
        "PENSTOCK_SYNC_AT_ONCE": "many",
    }
    command = [sys.executable, "-m", "uvicorn", "penstock.asgi:app", "--port", "0"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "PENSTOCK_SYNC_AT_ONCE" in ended.stderr
