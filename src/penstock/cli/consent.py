"""How a person consents: in a browser, by pasting what came back, or, at the sandbox, by itself."""

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx2

from penstock.cli.failure import Failed
from penstock.cli.loopback import Listener
from penstock.cli.terminal import say

_LONGEST_PASTE: Final = 16 * 1024


def open_browser(url: str) -> None:
    """Open the browser if there is one; where there is none, the printed address must do."""

    def open_it() -> None:
        with contextlib.suppress(Exception):
            webbrowser.open(url)

    threading.Thread(target=open_it, daemon=True).start()


def take_pasted(listener: Listener, *, enter: str = "") -> None:
    """Take the address that the person was sent to from the terminal, until one is right.

    A browser on another machine cannot reach our listener, but its address bar has all of it.
    `enter` is the address that an empty line stands for, if it stands for one.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Not through sys.stdin: a thread that waits in it would hang the end of the program.
        with contextlib.suppress(OSError, RuntimeError):
            while line := os.read(sys.stdin.fileno(), _LONGEST_PASTE):
                text = line.decode("utf-8", "replace").strip() or enter
                if text:
                    loop.call_soon_threadsafe(offer, text)

    def offer(text: str) -> None:
        if not listener.accept(text):
            say("That is not the address of this link's callback. Paste it whole.")

    threading.Thread(target=read, daemon=True).start()


async def consent_at_sandbox(
    authorization_url: str, redirect_uri: str, *, scenario: str | None
) -> None:
    """Do what a person does on the sandbox's consent page, and follow it back to our listener.

    The page is a form: the query of its own address, and `decision`. The answer is a redirect.
    Raises Failed where the bank does not answer so, or sends us anywhere else.
    """
    page, _, query = authorization_url.partition("?")
    form = dict(parse_qsl(query, keep_blank_values=True)) | {"decision": "allow"}
    if scenario:
        form["scenario"] = scenario
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=30) as http:
        try:
            answer = await http.post(page, data=form)
            location = answer.headers.get("location", "")
            if not answer.has_redirect_location or not _is_below(location, redirect_uri):
                raise Failed(
                    f"the sandbox bank did not take the consent: it answered {answer.status_code}",
                    remedy="See what it says in a browser: leave --auto-consent out.",
                )
            await http.get(location)
        except httpx2.TransportError as error:
            raise Failed(
                f"the sandbox bank at {page} cannot be reached: {str(error) or 'no answer'}",
                remedy="Start it with `penstock sandbox`, or set PENSTOCK_SANDBOX_URL.",
            ) from None


def _is_below(location: str, redirect_uri: str) -> bool:
    there, ours = urlsplit(location), urlsplit(redirect_uri)
    return (there.scheme, there.netloc, there.path) == (ours.scheme, ours.netloc, ours.path)
