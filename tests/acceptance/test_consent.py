"""Linking as people do it: a browser goes to the bank and comes back to the waiting command."""

import re
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.acceptance.processes import PASSWORD, SECONDS, Machine, Server


class Connecting:
    """A `penstock connect` that waits for the person; `url` is where it sends them."""

    def __init__(self, machine: Machine, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock", "connect", "sandbox", "--no-browser", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=machine.surroundings(),
        )
        self.url = self._url()

    def _url(self) -> str:
        for line in self.process.stderr or ():
            if found := re.search(r"http://\S+/oauth/authorize\?\S+", line):
                return found[0]
        raise AssertionError("it sent nobody anywhere")

    def end(self) -> tuple[int, str, str]:
        """Return how it ended, and what it said."""
        said, told = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said, told


def decide(url: str, decision: str) -> httpx2.Response:
    """Look at the consent page, decide, and go where the bank sends the browser."""
    page = httpx2.get(url)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    form = dict(parse_qsl(urlsplit(url).query)) | {"decision": decision}
    return httpx2.post(url.partition("?")[0], data=form, follow_redirects=True)


@pytest.fixture
def ada(machine: Machine, bank: Server) -> Machine:
    """Return a machine where somebody is signed in."""
    assert bank.url
    machine.run("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    machine.run("login", "--username", "ada", "--password-stdin", typed=PASSWORD)
    return machine


def test_a_browser_comes_back_with_the_consent(ada: Machine) -> None:
    """The command waits on a port of its own, and is done when the browser comes back."""
    connecting = Connecting(ada)
    page = decide(connecting.url, "allow")
    assert page.url.host == "127.0.0.1"
    assert "terminal" in page.text
    code, said, _ = connecting.end()
    assert code == 0
    assert said.strip().startswith("con_")


def test_a_refusal_is_said(ada: Machine) -> None:
    """O4: a person who says no at the bank ends the link; nothing is linked."""
    connecting = Connecting(ada)
    decide(connecting.url, "deny")
    code, said, told = connecting.end()
    assert code == 1
    assert said == ""
    assert "penstock:" in told
    assert ada.json("connections") == []


def test_an_answer_for_another_link_is_not_taken(ada: Machine) -> None:
    """O1: a callback with another state does not end the wait, nor the link."""
    connecting = Connecting(ada)
    query = dict(parse_qsl(urlsplit(connecting.url).query))
    forged = httpx2.get(query["redirect_uri"], params={"code": "evil", "state": "guessed"})
    assert forged.status_code == 400
    decide(connecting.url, "allow")
    assert connecting.end()[0] == 0
