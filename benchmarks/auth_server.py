"""The server of benchmarks/auth.py, a process of its own: two light routes, one behind a token.

A JSON object on the first line of standard input says what it needs. It answers with one line of
JSON (its URL and a token), and ends when its standard input does. At `end` it ends the session.
"""

import asyncio
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.api_servers import say
from benchmarks.sync_penstock import KEY
from penstock.api.app import NOUNS, create_app
from penstock.api.auth import SIGNED_IN, open_to_all
from penstock.api.routing import nouns
from penstock.api.schemas import Outgoing
from penstock.cli.listening import listening_socket
from penstock.identity.sessions import Where
from penstock.observe.log import configure
from penstock.settings import Settings
from penstock.wiring import open_penstock


class Light(Outgoing):
    """As little as a route can answer."""

    said: str


def light() -> ModuleType:
    """Return the same route twice: behind a token, and open."""
    router = nouns("light")

    @router.get("/light/signed-in")
    async def signed_in(_caller: SIGNED_IN) -> Light:
        return Light(said="here")

    @router.get("/light/open", dependencies=[open_to_all("it is what the other is compared with")])
    async def unguarded() -> Light:
        return Light(said="here")

    module = ModuleType("light")
    vars(module)["router"] = router
    return module


async def serve(needs: dict[str, Any]) -> None:
    """Serve as `penstock serve` does, log lines and all, until the standard input is closed."""
    settings = Settings(home=Path(needs["home"]), database_url=needs["url"], key=KEY)
    async with open_penstock(settings) as opened:
        issued = await opened.identity.begin_session(needs["owner"], Where("127.0.0.1"))
        app = create_app(lambda: nullcontext(opened), (*NOUNS, light()))
        with listening_socket("127.0.0.1", 0) as listener:
            config = uvicorn.Config(
                app, lifespan="on", ws="none", log_config=None, access_log=False
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            say(url=url, token=issued.access.reveal())
            loop = asyncio.get_running_loop()
            while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
                caller = await opened.identity.authenticate(word)
                await opened.identity.sign_out(caller)
                say(ended=True)
            server.should_exit = True
            await serving


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    with Path(given["log"]).open("w", encoding="utf-8") as log:
        configure(json=True, level="info", stream=log)
        asyncio.run(serve(given))
