"""The servers of benchmarks/api.py, each a process of its own.

    python benchmarks/api_servers.py penstock|usual|bare

A JSON object on the first line of standard input says what it needs. It answers with one line of
JSON (its URL and a token), obeys `sync` and `calm`, and ends when its standard input does.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.sync_penstock import KEY, consent
from penstock.api.app import create_app
from penstock.cli.listening import listening_socket
from penstock.db.runs import Tally
from penstock.domain.outcome import Outcome
from penstock.identity.sessions import Where
from penstock.observe.log import configure
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock

Act = Callable[[Tally], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """An app, the token that opens it, and what its process can do besides: sync, once.

    A sync adds the pages that it read to the tally that it is given.
    """

    app: FastAPI
    token: str
    sync: Act | None = None


@asynccontextmanager
async def bare(needs: dict[str, Any]) -> AsyncIterator[Served]:
    """Serve the least that a framework can do: bytes that are there already."""
    yield Served(_answering(Path(needs["body"]).read_bytes), "none")


def _answering(read: Callable[[], bytes]) -> FastAPI:
    app, body = FastAPI(), read()

    @app.get("/v1/transactions")
    async def transactions() -> Response:
        return Response(body, media_type="application/json")

    return app


@asynccontextmanager
async def usual(needs: dict[str, Any]) -> AsyncIterator[Served]:
    """Serve the way of the tutorials (api_usual.py)."""
    from benchmarks import api_usual  # noqa: PLC0415 - the other servers do without the ORM

    yield Served(api_usual.create_app(needs["url"]), api_usual.token())


@asynccontextmanager
async def penstock(needs: dict[str, Any]) -> AsyncIterator[Served]:
    """Serve as `penstock serve` does, log lines and all."""
    with TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home), database_url=needs["url"], key=KEY, sandbox_url=needs["bank"]
        )
        async with open_penstock(settings) as opened:
            issued = await opened.identity.begin_session(needs["owner"], Where("127.0.0.1"))
            app = create_app(lambda: nullcontext(opened))
            yield Served(app, issued.access.reveal(), await _linked(opened, needs["owner"]))


async def _linked(opened: Penstock, owner: int) -> Act:
    """Link the bank, and return what syncs it whole."""
    callback = "http://127.0.0.1:1/callback/sandbox"
    begun = await opened.linker.begin(owner, "sandbox", redirect_uri=callback)
    back = await consent(begun.url)
    connection = await opened.linker.finish("sandbox", back, owner_id=owner)

    async def sync(total: Tally) -> None:
        run = await opened.syncer.start(connection, trigger="benchmark", from_start=True)
        if run is None:
            raise AssertionError("somebody else syncs this connection")
        try:
            ending, _ = await run.finish()
        finally:
            total.pages += run.tally.pages
        if ending.outcome is not Outcome.DONE:
            raise AssertionError(ending)

    return sync


Contestant = Callable[[dict[str, Any]], AbstractAsyncContextManager[Served]]
CONTESTANTS: dict[str, Contestant] = {"penstock": penstock, "usual": usual, "bare": bare}


def main(contestant: str) -> None:
    """Serve until the standard input is closed."""
    needs = json.loads(sys.stdin.readline())
    with Path(needs["log"]).open("w", encoding="utf-8") as log:
        configure(json=True, level="info", stream=log)
        asyncio.run(serve(CONTESTANTS[contestant], needs))


async def serve(contestant: Contestant, needs: dict[str, Any]) -> None:
    """Serve a contestant's app as `penstock serve` does its own."""
    async with contestant(needs) as served:
        with listening_socket("127.0.0.1", 0) as listener:
            config = uvicorn.Config(
                served.app, lifespan="on", ws="none", log_config=None, access_log=False
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}", token=served.token)
            await obey(served)
            server.should_exit = True
            await serving


async def obey(served: Served) -> None:
    """Sync from `sync` on, again and again, until `calm`, and then say how many pages were read."""
    loop, syncing = asyncio.get_running_loop(), None
    total = Tally()

    async def again() -> None:
        while served.sync is not None:
            await served.sync(total)

    while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if word == "sync":
            syncing = asyncio.create_task(again())
        elif syncing is not None:
            syncing.cancel()
            with suppress(asyncio.CancelledError):
                await syncing
            say(pages=total.pages)


def say(**facts: object) -> None:
    """Tell the program that started us."""
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
