"""A running API with a whole bank beside it, and what a person does at that bank."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import sqlalchemy as sa
from anyio.from_thread import start_blocking_portal
from starlette.testclient import TestClient

from penstock.db import runs
from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.server import running
from tests.api.serving import Api, serving

OURS = "http://127.0.0.1:51234/callback/sandbox"
"""The redirect address of a program on the person's machine."""


@dataclass(frozen=True, slots=True)
class Town:
    """An API and a bank."""

    api: Api
    bank: Bank

    def begin(self, client: TestClient, **body: Any) -> dict[str, Any]:
        """Begin a link through a program of the person's; return it."""
        asked = {"connector": "sandbox", "redirect_uri": OURS} | body
        answer = client.post("/v1/connections", json=asked)
        assert answer.status_code == 202, answer.text
        link: dict[str, Any] = answer.json()["link"]
        return link

    def consent(self, url: str, decision: str = "allow") -> str:
        """Decide on the bank's page; return the address that it sends the person back to."""
        form = dict(parse_qsl(urlsplit(url).query)) | {"decision": decision}
        answer = httpx2.post(url.partition("?")[0], data=form)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def link(self, client: TestClient) -> dict[str, Any]:
        """Link the bank; return the connection."""
        link = self.begin(client)
        back = self.consent(link["authorization_url"])
        body = {"callback": urlsplit(back).query}
        answer = client.post(f"/v1/links/{link['id']}/finish", json=body)
        assert answer.status_code == 200, answer.text
        connection: dict[str, Any] = answer.json()
        return connection

    def sync(self, client: TestClient, connection_id: str, **order: Any) -> dict[str, Any]:
        """Sync a connection to the end; return the sync."""
        answer = client.post(f"/v1/connections/{connection_id}/syncs", json=order)
        assert answer.status_code == 202, answer.text
        self.wait()
        shown: dict[str, Any] = client.get(answer.headers["Location"]).json()
        return shown

    def wait(self) -> None:
        """Wait until no sync is running."""
        runner = self.api.penstock.runner
        for number in self.api.read(_running):
            self.api.play(partial(runner.wait, number))


def _running(connection: sa.Connection) -> list[int]:
    table = runs.runs
    query = sa.select(table.c.id).where(table.c.outcome == runs.RUNNING)
    return list(connection.execute(query).scalars())


@contextlib.contextmanager
def town(url: str, home: Path, **settings: Any) -> Iterator[Town]:
    """Open a bank, and serve the migrated database at `url` beside it."""
    twice: dict[str, Any] = {"link_twice": True}  # many stories want more than one connection
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running(Options())) as bank,
        serving(url, home, sandbox_url=bank.url, **twice | settings) as api,
    ):
        yield Town(api, bank)
