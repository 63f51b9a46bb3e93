"""Answers of sources and prices that were believed, kept for all processes (domain/pricing.py)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import price_gate, prices
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.domain.pricing import Kept
from penstock.domain.quote import Quote

KEPT: Final = timedelta(days=31)
"""Longer than any declaration may say that an old answer is better than none."""
MOST: Final = 20_000
_SWEPT: Final = timedelta(hours=1)


@dataclass(slots=True)
class KeptAnswers:
    """`domain.pricing.Answers`, in the database: at most `most` answers, for `kept`."""

    database: Database
    clock: Clock
    kept: timedelta = KEPT
    most: int = MOST
    _swept: datetime | None = field(default=None)

    async def recall(self, addresses: Collection[str]) -> Mapping[str, Kept]:
        """Return what is kept of these addresses."""
        if not addresses:
            return {}
        return await self.database.glance(price_gate.recall, addresses)

    async def keep(self, answers: Sequence[Kept]) -> None:
        """Keep answers in place of those before; once an hour, forget the oldest."""
        if answers:
            await self.database.write(self._keep, answers)

    def _keep(self, connection: sa.Connection, answers: Sequence[Kept]) -> None:
        price_gate.keep(connection, answers)
        now = self.clock()
        if self._swept is None or now - self._swept >= _SWEPT:
            self._swept = now
            price_gate.sweep(connection, before=now - self.kept, most=self.most)


@dataclass(frozen=True, slots=True)
class Believed:
    """`domain.pricing.Accepted`, in the database."""

    database: Database
    clock: Clock

    async def last(self, instruments: Collection[str]) -> Mapping[str, Quote]:
        """Return the latest believed price of each that has one."""
        if not instruments:
            return {}
        return await self.database.glance(prices.last, instruments)

    async def accept(self, quotes: Sequence[Quote]) -> None:
        """Add prices to what is believed."""
        if quotes:
            await self.database.write(prices.accept, quotes, now=self.clock())
