"""The budgets of all processes, kept in the database (domain.budget.Ledger).

Requests that ask while another transaction is under way are answered together by the next one:
where many wait, a call costs a fraction of a transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import budgets
from penstock.db.lane import Database
from penstock.domain.budget import Ask, Book, Grant, Use, heed
from penstock.domain.clock import Clock
from penstock.domain.rate_headers import Told

MOST_TOGETHER: Final = 64

Answer = tuple[Grant, datetime]


@dataclass(slots=True)
class SharedLedger:
    """One for the whole process. `clock` is our own; the fleet's is asked of the database."""

    database: Database
    clock: Clock
    one_clock: bool = False
    """Whether every process reads this very clock, so that the database need not be asked."""
    _waiting: list[tuple[Ask, asyncio.Future[Answer]]] = field(default_factory=list)
    _serving: asyncio.Task[None] | None = None
    transactions: int = 0
    """How many were needed, for whoever measures."""

    async def spend(self, ask: Ask) -> Answer:
        """Answer a request. Raises what the database raises."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name="ledger")
        return await answer

    async def heed(self, use: Use, told: Told) -> None:
        """Store what the bank said."""
        await self.database.write(self._heed, use, told)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_TOGETHER]
                del self._waiting[:MOST_TOGETHER]
                await self._answer(batch)
        finally:
            self._serving = None

    async def _answer(self, batch: Sequence[tuple[Ask, asyncio.Future[Answer]]]) -> None:
        live = [(ask, future) for ask, future in batch if not future.done()]
        try:
            answers = await self.database.write(self._grant, [ask for ask, _ in live])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            if len(live) > 1:  # one may ask for a connection that is no more: not all are to fail
                for one in live:
                    await self._answer([one])
                return
            for _, future in live:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(live, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _grant(self, connection: sa.Connection, asks: Sequence[Ask]) -> list[Answer]:
        self.transactions += 1
        uses = [use for ask in asks for use in ask.uses]
        held = budgets.lock(connection, uses, now=self.clock())
        now = self._now(connection)  # only now, when nobody else can take what lies before it
        ours = self.clock()
        book = Book(held, now)
        grants = [book.grant(ask) for ask in asks]
        for key, use in book.changed.items():
            budgets.save(connection, use, book.standings[key], now=now)
        return [(grant, ours) for grant in grants]

    def _heed(self, connection: sa.Connection, use: Use, told: Told) -> None:
        held = budgets.lock(connection, [use], now=self.clock())
        now = self._now(connection)
        budgets.save(connection, use, heed(held[use.key], told, now), now=now)

    def _now(self, connection: sa.Connection) -> datetime:
        own = self.clock()
        return own if self.one_clock else budgets.fleet_now(connection, own)
