"""Signing in through a browser: on this machine, or, for want of one, by a code on any other."""

import asyncio
import base64
import hashlib
import secrets
import time
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from penstock.cli.access import Access, NotYet
from penstock.cli.failure import Failed, SignInNeeded
from penstock.cli.problem import failed_by_answer, read_object
from penstock.cli.session_keys import SessionKey
from penstock.cli.terminal import say

if TYPE_CHECKING:
    from penstock.cli.session import Session

CLIENT_ID: Final = "penstock"
PATH: Final = "/callback"
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_PATIENCE: Final = 600  # seconds
_SLOWER_BY: Final = 5

Sleep = Callable[[float], Awaitable[None]]


def has_browser(environment: Mapping[str, str], platform: str) -> bool:
    """Say whether a browser that opens here would be seen by the person: not over SSH.

    On Linux and its kind it needs a display.
    """
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return False
    if platform in ("win32", "darwin"):
        return True
    has_display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if not has_display:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


async def by_browser(access: Access, open_browser: Callable[[str], None]) -> "Session":
    """Sign in by authorization code with PKCE, on loopback (RFC 8252). Raises Failed."""
    from penstock.cli.loopback import listening

    server = await access.metadata()
    verifier, state, key = secrets.token_urlsafe(48), secrets.token_urlsafe(32), SessionKey()
    digest = hashlib.sha256(verifier.encode()).digest()
    async with listening(PATH) as listener:
        asked = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": listener.redirect_uri,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "dpop_jkt": key.thumbprint(),
        }
        url = f"{server['authorization_endpoint']}?{urlencode(asked)}"
        listener.expect(state)
        say(f"Sign in with your browser:\n\n{url}\n")
        open_browser(url)
        try:
            query = await listener.callback(seconds=_PATIENCE)
        except TimeoutError:
            raise Failed("nobody came back from the browser", remedy="Begin again.") from None
        told = dict(parse_qsl(query))
        if told.get("iss") != server.get("issuer"):
            raise Failed("the answer is another server's", remedy="Begin again.")
        if "code" not in told:
            raise SignInNeeded(told.get("error_description") or told.get("error") or "refused")
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": told["code"],
            "redirect_uri": listener.redirect_uri,
            "code_verifier": verifier,
        }
        return await access.trade(form, key=key)


async def by_device(
    access: Access,
    sleep: Sleep = asyncio.sleep,
    timer: Callable[[], float] = time.monotonic,
) -> "Session":
    """Sign in by a code that is typed in a browser anywhere (RFC 8628). Raises Failed."""
    key = SessionKey()
    answer = await access.ask("/device_authorization", {"client_id": CLIENT_ID}, key)
    if not answer.is_success:
        raise failed_by_answer(answer)
    told = read_object(answer)
    say(f"Open {told.get('verification_uri')} on any device, and type this code there:\n")
    say(f"    {told.get('user_code')}\n")
    ends_at = timer() + _seconds(told, "expires_in", _PATIENCE)
    pause = _seconds(told, "interval", _SLOWER_BY)
    form = {
        "grant_type": _DEVICE,
        "client_id": CLIENT_ID,
        "device_code": str(told.get("device_code")),
    }
    while timer() < ends_at:
        await sleep(pause)
        try:
            return await access.trade(form, key=key)
        except NotYet as error:
            pause += _SLOWER_BY if error.code == "slow_down" else 0
    raise SignInNeeded("nobody typed the code in time", remedy="Run `penstock login` again.")


def _seconds(told: dict[str, Any], name: str, otherwise: int) -> float:
    value = told.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else float(otherwise)
