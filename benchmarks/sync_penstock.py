"""Penstock's part of benchmarks/sync.py: the bank is recorded once, then replayed from memory."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec

from penstock.db.runs import Tally
from penstock.domain.errors import TransportFailure
from penstock.domain.outcome import Outcome
from penstock.domain.request import Request, Response
from penstock.engine.sync import Syncer
from penstock.sandbox.bank import Options
from penstock.sandbox.server import running
from penstock.settings import Settings
from penstock.wiring import Penstock, open_penstock
from tests.person import add_person

KEY = "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a"
CALLBACK = "http://127.0.0.1:1/callback/sandbox"
PAGE_SIZE = 500
CHANGES_EVERY = 20


@dataclass(frozen=True, slots=True)
class Recorded:
    """A bank's answers to a first sync, by the path that was asked."""

    answers: Mapping[str, Response]
    rows: int

    @property
    def pages(self) -> list[bytes]:
        """The pages of transactions, in order."""
        return [one.body for path, one in self.answers.items() if "transactions" in path]

    def changed(self) -> "Recorded":
        """Return the same bank after it corrected each twentieth transaction."""
        answers = {
            path: replace(one, body=_corrected(one.body)) if "transactions" in path else one
            for path, one in self.answers.items()
        }
        return replace(self, answers=answers)

    async def send(self, request: Request) -> Response:
        """Answer as the bank did."""
        answer = self.answers.get(_path(request.url))
        if answer is None:
            raise TransportFailure(f"{request.url} was never recorded")
        return answer


async def record(rows: int) -> Recorded:
    """Sync a bank of `rows` transactions once, over HTTP, and keep what it answered."""
    answers: dict[str, Response] = {}
    with TemporaryDirectory() as folder:
        async with linked(f"sqlite:///{folder}/record.db", rows) as (penstock, connection):
            send = penstock.syncer.send_for("sandbox")

            async def keep(request: Request) -> Response:
                answers[_path(request.url)] = response = await send(request)
                return response

            syncer = replace(penstock.syncer, send_for=lambda _: keep)
            await sync(syncer, connection)
            await sync(syncer, connection, from_start=True)
    return Recorded(answers, rows)


class Taken(NamedTuple):
    """Seconds that syncs of the recorded bank took: a first one, and two from no cursor after."""

    first: float
    again: float
    changed: float


async def seconds(recorded: Recorded, url: str) -> Taken:
    """Sync, sync again though nothing changed, and once more where each twentieth row did."""
    changed = recorded.changed()
    async with linked(url, 15) as (penstock, connection):

        async def timed(bank: Recorded, *, from_start: bool) -> tuple[Tally, float]:
            syncer = replace(penstock.syncer, send_for=lambda _: bank.send)
            began = time.perf_counter()
            tally = await sync(syncer, connection, from_start=from_start)
            return tally, time.perf_counter() - began

        one, first = await timed(recorded, from_start=False)
        two, again = await timed(recorded, from_start=True)
        three, last = await timed(changed, from_start=True)
        counts = one.inserted, two.unchanged, three.changed
        if counts != (recorded.rows, recorded.rows, recorded.rows // CHANGES_EVERY):
            raise AssertionError(f"inserted, unchanged and changed were {counts}")
        return Taken(first, again, last)


def _corrected(body: bytes) -> bytes:
    page = msgspec.json.decode(body)
    for row in page["added"][::CHANGES_EVERY]:
        row["description"] += " (corrected)"
    return msgspec.json.encode(page)


@asynccontextmanager
async def linked(url: str, rows: int) -> AsyncIterator[tuple[Penstock, int]]:
    """Open an installation over `url`, linked to a bank of `rows` transactions."""
    async with (
        running(Options(transactions=rows, page_size=PAGE_SIZE)) as bank,
        linked_to(bank.url, url) as opened,
    ):
        yield opened


@asynccontextmanager
async def linked_to(bank_url: str, url: str) -> AsyncIterator[tuple[Penstock, int]]:
    """Open an installation over `url`, linked to a bank that is running already."""
    with TemporaryDirectory() as home:
        settings = Settings(
            home=Path(home), database_url=url, key=KEY, sandbox_url=bank_url, link_twice=True
        )
        async with open_penstock(settings) as penstock:
            owner = await penstock.database.write(add_person)
            begun = await penstock.linker.begin(owner, "sandbox", redirect_uri=CALLBACK)
            back = await consent(begun.url)
            yield penstock, await penstock.linker.finish("sandbox", back, owner_id=owner)


async def sync(
    syncer: Syncer, connection: int, *, trigger: str = "benchmark", from_start: bool = False
) -> Tally:
    """Sync a connection; return what that did. Raises AssertionError unless it went well."""
    run = await syncer.start(connection, trigger=trigger, from_start=from_start)
    if run is None:
        raise AssertionError("somebody else syncs this connection")
    ending, _ = await run.finish()
    if ending.outcome is not Outcome.DONE:
        raise AssertionError(ending)
    return run.tally


async def consent(url: str) -> list[tuple[str, str]]:
    """Agree, as the person does on the page of the bank; return what it sends back."""
    form = dict(parse_qsl(urlsplit(url).query)) | {"decision": "allow"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url.partition("?")[0], data=form, allow_redirects=False) as answer,
    ):
        return parse_qsl(urlsplit(answer.headers["Location"]).query)


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
