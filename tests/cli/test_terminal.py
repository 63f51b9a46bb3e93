"""What a person sees at a terminal: prompts that hide what is typed, colours, live displays."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from penstock.sandbox.faces.mx import API_KEY, CLIENT_ID
from tests.cli.conftest import PASSWORD, Terminal
from tests.programs import surroundings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")

Dialogue = Sequence[tuple[str, str | Callable[[str], str]]]
"""Prompts, and the answer to each."""


def at_terminal(
    terminal: Terminal,
    arguments: Sequence[str],
    dialogue: Dialogue = (),
    **environment: str,
) -> tuple[int, str]:
    """Run a command at a pseudo-terminal; answer each prompt. Return its code and all it showed.

    An answer is a text, or is made from all that was shown so far.
    """
    ours, theirs = os.openpty()
    given = surroundings(terminal.environment, {"TERM": "xterm"}, environment)
    run = [sys.executable, "-m", "penstock", *arguments]
    program = subprocess.Popen(run, stdin=theirs, stdout=theirs, stderr=theirs, env=given)
    os.close(theirs)
    shown, left = b"", list(dialogue)
    with suppress(OSError):  # the other end closes with the program
        while chunk := os.read(ours, 4096):
            shown += chunk
            if left and shown.rstrip().endswith(left[0][0].encode()):
                answer = left.pop(0)[1]
                typed = answer if isinstance(answer, str) else answer(shown.decode())
                os.write(ours, f"{typed}\n".encode())
    code = program.wait(60)
    os.close(ours)
    assert left == [], shown
    return code, shown.decode()


def test_a_password_is_asked_twice_and_never_shown(stranger: Terminal) -> None:
    """At a terminal `user add` asks for the password twice, without an echo."""
    prompts = [("Password:", PASSWORD), ("Repeat for confirmation:", PASSWORD)]
    code, shown = at_terminal(stranger, ["user", "add", "ada"], prompts)
    assert code == 0, shown
    assert PASSWORD not in shown


def test_quote_asks_who_you_are_only_where_nobody_is(stranger: Terminal) -> None:
    """`penstock quote` signs the person in first, once: the second time it just answers."""
    stranger.good("user", "add", "ada", "--password-stdin", typed=PASSWORD)
    prompts = [("User name:", "ada"), ("Password:", PASSWORD)]
    code, shown = at_terminal(stranger, ["quote", "AAPL"], prompts)
    assert "PENSTOCK_QUOTE_SOURCES" in shown
    assert code == 1
    code, again = at_terminal(stranger, ["quote", "AAPL"])
    assert "User name" not in again
    assert "PENSTOCK_QUOTE_SOURCES" in again


def test_what_is_owed_is_red_unless_colours_are_unwanted(reader: Terminal) -> None:
    """A negative amount is red at a terminal; NO_COLOR is obeyed."""
    _, coloured = at_terminal(reader, ["accounts"], COLUMNS="200")
    assert re.search(r"\x1b\[31m *-488\.69", coloured)
    _, plain = at_terminal(reader, ["accounts"], COLUMNS="200", NO_COLOR="1")
    assert "-488.69" in plain
    assert "\x1b[31m" not in plain


def test_a_sync_is_watched(ada: Terminal) -> None:
    """At a terminal a display moves while the bank makes us wait, and the table comes after it."""
    ada.link("--scenario", "rate_limited")
    code, shown = at_terminal(ada, ["sync"], COLUMNS="160")
    assert code == 0, shown
    assert "x 429" in shown
    assert "Sandbox Bank" in shown


def test_a_callback_may_be_pasted(ada: Terminal) -> None:
    """Where the browser is on another machine, the address that it was sent to is pasted."""

    def consent(shown: str) -> str:
        found = re.search(r"http://\S+/oauth/authorize\?\S+", shown)
        assert found
        form = dict(parse_qsl(urlsplit(found[0]).query)) | {"decision": "allow"}
        answer = httpx2.post(found[0].partition("?")[0], data=form, follow_redirects=False)
        return str(answer.headers["location"])

    dialogue: Dialogue = [("sent to.", "hello"), ("Paste it whole.", consent)]
    code, shown = at_terminal(ada, ["connect", "sandbox", "--no-browser"], dialogue)
    assert code == 0, shown
    assert ada.json("connections")[0]["connector"] == "sandbox"


def test_a_page_that_stays_open_is_left_with_enter(ada: Terminal) -> None:
    """MX's page sends nobody back: the person says that they are done, and MX what came of it."""
    mx = f"{ada.environment['PENSTOCK_SANDBOX_URL']}/mx"
    known = {"PENSTOCK_MX_URL": mx, "PENSTOCK_MX_CLIENT_ID": CLIENT_ID}
    known |= {"PENSTOCK_MX_API_KEY": API_KEY, "PENSTOCK_PROFILE": "development"}

    def consent(shown: str) -> str:
        found = re.search(r"http://\S+/visits/\S+", shown)
        assert found
        httpx2.post(found[0], data={"decision": "allow"}, follow_redirects=False)
        return ""

    dialogue: Dialogue = [("sent to.", consent)]
    code, shown = at_terminal(ada, ["connect", "mx", "--no-browser"], dialogue, **known)
    assert code == 0, shown
    assert "press Enter here" in shown
    assert ada.json("connections", **known)[0]["connector"] == "mx"
