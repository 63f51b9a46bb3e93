"""Which institutions are left alone for now, known to every process (sync.md 24).

What is read is kept for a second: an institution that is well costs one small read a second and
provider, and no write at all.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import breakers, budgets
from penstock.db.lane import Database
from penstock.domain.breaker import (
    HEALTHY,
    Breaker,
    Passage,
    after_success,
    after_trouble,
    may_pass,
)
from penstock.domain.clock import Clock

KEPT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of a provider: who is not well, and whether the bank spoke of limits."""

    read_at: datetime
    unwell: dict[str, Breaker]
    has_told: bool


@dataclass(slots=True)
class Health:
    """One for the whole process."""

    database: Database
    clock: Clock
    kept: timedelta = KEPT
    _known: dict[str, Known] = field(default_factory=dict)

    async def known(self, connector: str) -> Known:
        """Return what is known of a provider, not older than `kept`."""
        known = self._known.get(connector)
        now = self.clock()
        if known is None or not now - self.kept < known.read_at <= now:
            known = await self.database.glance(_read, connector, now)
            self._known[connector] = known
        return known

    async def may_pass(self, connector: str, institution: str, run: str) -> Passage:
        """Say whether a run may ask an institution; of those that come to a half-open one, one."""
        breaker = (await self.known(connector)).unwell.get(institution, HEALTHY)
        passage, after = may_pass(breaker, run, self.clock())
        if after == breaker:
            return passage
        try:
            return await self.database.write(self._claim, connector, institution, run)
        finally:
            self.forget(connector)

    async def trouble(self, connector: str, institution: str, run: str) -> Breaker:
        """Note that a run met trouble there; return the breaker as it then is."""
        try:
            return await self.database.write(self._note, connector, institution, run, well=False)
        finally:
            self.forget(connector)

    async def success(self, connector: str, institution: str, run: str) -> None:
        """Note that a run was answered. Costs nothing where nobody had trouble."""
        breaker = (await self.known(connector)).unwell.get(institution, HEALTHY)
        if after_success(breaker, run) != breaker:
            await self.database.write(self._note, connector, institution, run, well=True)
            self.forget(connector)

    def forget(self, connector: str) -> None:
        """Read it anew at the next question."""
        self._known.pop(connector, None)

    def _claim(
        self, connection: sa.Connection, connector: str, institution: str, run: str
    ) -> Passage:
        breaker = breakers.lock(connection, connector, institution)
        passage, after = may_pass(breaker, run, self.clock())
        breakers.save(connection, connector, institution, after)
        return passage

    def _note(
        self, connection: sa.Connection, connector: str, institution: str, run: str, *, well: bool
    ) -> Breaker:
        breaker = breakers.lock(connection, connector, institution)
        after = after_success(breaker, run) if well else after_trouble(breaker, run, self.clock())
        breakers.save(connection, connector, institution, after)
        return after


def _read(connection: sa.Connection, connector: str, now: datetime) -> Known:
    unwell = breakers.of_connector(connection, connector)
    return Known(now, unwell, budgets.has_told(connection, connector, now=now))
