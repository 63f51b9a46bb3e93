"""Driving a connector: over real HTTP against a face, or by hand with answers of the test's own."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import aiohttp

from penstock.domain.balance import BalanceSeen
from penstock.domain.consent import Credentials
from penstock.domain.errors import RowsMoved
from penstock.domain.holding import HoldingSeen
from penstock.domain.protocol import Connector, Pause, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Absence, Balances, Covered, Discovery, Holdings, Page, Stream
from tests.connectors.linking import asked

R = TypeVar("R")
Found = list[Page | Balances | Holdings]
Answering = Callable[[Request], Response]
MOST_RESTARTS = 5


def by_hand(reading: Generator[Any, Any, R], answering: Answering) -> tuple[Found, R]:
    """Run a generator with answers that need no network; return what it yielded and returned."""
    found: Found = []
    try:
        step = next(reading)
        while True:
            if isinstance(step, Request):
                step = reading.send(answering(step))
            else:
                if not isinstance(step, Pause):
                    found.append(step)
                step = next(reading)
    except StopIteration as end:
        return found, end.value


@dataclass
class Ledger:
    """What a faithful reader knows after some updates."""

    discovery: Discovery | None = None
    rows: dict[tuple[str, str], TransactionSeen] = field(default_factory=dict)
    balances: list[BalanceSeen] = field(default_factory=list)
    holdings: dict[str, Sequence[HoldingSeen]] = field(default_factory=dict)
    cursors: dict[str, str | None] = field(default_factory=dict)

    def take(
        self,
        stream: Stream,
        found: Found,
        absence: Absence = Absence.NOTHING,
        *,
        whole: bool = False,
    ) -> None:
        """Fold one finished update: page by page, upserts before removals, then what is missing.

        `whole`: it was read from the beginning, so that each account is told from its first row on.
        """
        told: dict[tuple[str, str], TransactionSeen] = {}
        covered: list[Covered] = []
        for step in found:
            if isinstance(step, Balances):
                self.balances += step.balances
                continue
            if isinstance(step, Holdings):
                self.holdings[step.account] = step.holdings
                continue
            told |= self._fold(step)
            covered += step.covered
            if step.next_cursor is not None:
                self.cursors[stream.key] = step.next_cursor
        if whole:
            covered += _from_the_first(told)
        for key, row in list(self.rows.items()):
            if key not in told and _is_over(row, absence, covered):
                del self.rows[key]

    def _fold(self, page: Page) -> dict[tuple[str, str], TransactionSeen]:
        told = {(row.account, row.external_id): row for row in page.upserts}
        self.rows |= told
        for gone in page.removed:
            self.rows.pop((gone.account, gone.external_id), None)
        return told


def _from_the_first(told: Mapping[tuple[str, str], TransactionSeen]) -> Iterator[Covered]:
    for account in {account for account, _ in told}:
        first = min(dated(row) for row in told.values() if row.account == account)
        yield Covered(account, first, date.max)


def dated(row: TransactionSeen) -> date:
    """Return the day by which a row is found again."""
    return row.booked_on or row.authorized_on or row.value_on or date.max


def _is_over(row: TransactionSeen, absence: Absence, covered: list[Covered]) -> bool:
    if absence is Absence.NOTHING:
        return False
    if absence is Absence.PENDING_GONE and row.status is not Status.PENDING:
        return False
    return any(
        one.account == row.account and one.since <= dated(row) <= one.until for one in covered
    )


@dataclass
class Driver:
    """Sends a connector's requests, and gives up at anything that is not well."""

    connector: Connector
    http: aiohttp.ClientSession
    credentials: Credentials

    async def discover(self) -> Discovery:
        """Return what the connection reaches."""
        _, told = await self._run(self.connector.discover())
        return told

    async def update(self, ledger: Ledger) -> list[tuple[Stream, Found]]:
        """Read every stream to its end, from where the ledger is; return what came."""
        ledger.discovery = await self.discover()
        ledger.balances = []
        came = []
        for stream in self.connector.streams(ledger.discovery):
            cursor = ledger.cursors.get(stream.key)
            found = await self._pull(stream, cursor)
            ledger.take(stream, found, self.connector.absence, whole=cursor is None)
            came.append((stream, found))
        return came

    async def _pull(self, stream: Stream, cursor: str | None) -> Found:
        """Read a stream; once more from its beginning where the rows moved meanwhile."""
        for _ in range(MOST_RESTARTS):
            with suppress(RowsMoved):
                found, _ = await self._run(self.connector.pull(stream, cursor))
                return found
        raise RowsMoved

    async def send(self, request: Request) -> Response:
        """Send one signed request."""
        signed = self.connector.sign(request, self.credentials) if request.authorized else request
        return await asked(signed, self.http)

    async def _run(self, reading: Generator[Any, Any, R]) -> tuple[Found, R]:
        found: Found = []
        try:
            step = next(reading)
            while True:
                if not isinstance(step, Request):
                    if not isinstance(step, Pause):
                        found.append(step)
                    step = next(reading)
                    continue
                response = await self.send(step)
                if response.status not in step.takes:
                    verdict = self.connector.classify(response)
                    assert verdict.kind is VerdictKind.OK, (verdict, response.body)
                step = reading.send(response)
        except StopIteration as end:
            return found, end.value
