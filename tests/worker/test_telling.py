"""The operator is told beside the syncs, for as long as somebody works."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from penstock.db.connections import connections
from penstock.worker.work import at_work
from tests.databases import Database
from tests.engine.house import house, play


class Hook(BaseHTTPRequestHandler):
    heard: list[Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@pytest.mark.filterwarnings("ignore:'imghdr' is:DeprecationWarning")
def test_a_worker_tells_the_operator(sqlite_database: Database) -> None:
    """From a setting to a webhook: a connection that was parked is told while a worker runs."""
    heard: list[Any] = []
    hook = HTTPServer(("127.0.0.1", 0), type("Listening", (Hook,), {"heard": heard}))
    thread = threading.Thread(target=hook.serve_forever)
    thread.start()

    async def story() -> None:
        address = f"json://127.0.0.1:{hook.server_address[1]}/"
        async with house(sqlite_database.url, notify=address) as home:
            number = await home.link()
            now = home.penstock.clock()
            park = connections.update().where(connections.c.id == number).values(parked_at=now)
            await home.penstock.database.write(lambda one: one.execute(park))
            async with at_work(home.penstock):
                while not heard:
                    await asyncio.sleep(0)

    try:
        play(story())
    finally:
        hook.shutdown()
        thread.join()
        hook.server_close()
    assert "is not synced" in heard[0]["title"]
