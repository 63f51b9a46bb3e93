"""A real browser, driven over its own DevTools protocol: no driver to install, a page at a time.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import pytest

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE: Final = 30.0


def find() -> str:
    """Return the path of a browser; skip the test where there is none."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip(f"there is no browser here (looked for {', '.join(_NAMES)})")


@dataclass
class Page:
    """An open page: `asked` are the addresses that it loaded, `complaints` its complaints."""

    socket: aiohttp.ClientWebSocketResponse
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def tell(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command, and return its answer."""
        number = len(self._answers) + 1
        self._answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": parameters}
        await self.socket.send_str(json.dumps(command))
        return await asyncio.wait_for(self._answers[number], _PATIENCE)

    async def run(self, script: str) -> Any:
        """Run a script in the page, and return its value."""
        answer = await self.tell(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, (script, answer)
        return answer["result"].get("value")

    async def wait_for(self, script: str) -> Any:
        """Run a script again and again until it returns something true; return that."""
        return await self.run(
            f"""new Promise((resolve, reject) => {{
                const begun = Date.now();
                const look = () => {{
                    const found = (() => {script})();
                    if (found) resolve(found === true ? true : String(found));
                    else if (Date.now() - begun > {_PATIENCE * 800})
                        reject("never: " + document.body.innerText.slice(-600));
                    else requestAnimationFrame(look);
                }};
                look();
            }})"""
        )

    async def type(self, selector: str, text: str) -> None:
        """Put the cursor into a field, and type."""
        await self.wait_for(f"document.querySelector({selector!r}) && true")
        await self.run(f"document.querySelector({selector!r}).focus()")
        await self.tell("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click on the first element that a selector finds, once it is there."""
        await self.wait_for(f"document.querySelector({selector!r}) && true")
        await self.run(f"document.querySelector({selector!r}).click()")

    async def listen(self) -> None:
        """Take what the browser says, for ever."""
        async for message in self.socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers[said["id"]].set_result(said.get("result", said))
            elif said["method"] == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])
            elif said["method"] == "Log.entryAdded":
                entry = said["params"]["entry"]
                if entry["level"] in {"warning", "error"}:
                    self.complaints.append(f"{entry['text']} ({entry.get('url', '')})")
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))


@contextlib.asynccontextmanager
async def open_page(address: str) -> AsyncIterator[Page]:
    """Start a browser without a window, and open an address in it."""
    with tempfile.TemporaryDirectory() as profile:
        process = await asyncio.create_subprocess_exec(
            find(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(await _door(process)) as answer:
                    target = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(
                    target["webSocketDebuggerUrl"], max_msg_size=0
                ) as socket:
                    page = Page(socket)
                    listening = asyncio.create_task(page.listen())
                    for domain in ("Network", "Log", "Runtime", "Page"):
                        await page.tell(f"{domain}.enable")
                    await page.tell("Page.navigate", url=address)
                    yield page
                    listening.cancel()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _door(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(_PATIENCE):
        async for line in process.stderr:
            if b"DevTools listening on ws://" in line:
                place = line.split(b"ws://")[1].split(b"/")[0].decode()
                return f"http://{place}/json"
    raise AssertionError("the browser did not start")
