"""Telling the operator what is not as it should be: each thing once, and again when it changes.

A pass looks at the database, and writes to each target one message about all that it has not heard
yet. Nothing is sent while all is as it was. Of all processes one does a pass, at most once a
minute. A message that was not taken is tried again, later and later; one that was taken just before
the program died is sent once more.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import notices, troubles
from penstock.db.lane import Database
from penstock.db.notices import Target
from penstock.domain.clock import Clock
from penstock.domain.errors import TransportFailure
from penstock.domain.notice import Finding, News, NoticeKind, message, news
from penstock.domain.secret import Secret
from penstock.observe.log import get_logger

EVERY: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(hours=6)

log = get_logger(__name__)

Tell = Callable[[Secret, str, str], Awaitable[None]]
"""Sends (address, title, text). Raises TransportFailure where it was not taken."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is told: `target` names the address without showing it."""

    target: str
    address: Secret


@dataclass(frozen=True, slots=True)
class _Look:
    """What one listener has not heard yet."""

    listener: Listener
    unheard: News


@dataclass(slots=True)
class Notifier:
    """Tells `listeners`; `every` is how often connections are synced."""

    database: Database
    listeners: Sequence[Listener]
    tell: Tell
    clock: Clock
    every: timedelta
    new_rows: bool = False
    _next: datetime | None = field(default=None, init=False)

    async def pass_once(self) -> int:
        """Tell what is news, and return how many messages were taken. It does nothing too soon."""
        now = self.clock()
        if not self.listeners or (self._next is not None and now < self._next):
            return 0
        self._next = now + EVERY
        if not await self.database.write(notices.take_turn, now=now, until=now + EVERY):
            return 0
        looks = await self.database.write(self._look, now)
        taken = [await self._send(look) for look in looks if look.unheard]
        return sum(taken)

    def _look(self, connection: sa.Connection, now: datetime) -> list[_Look]:
        notices.keep_targets(connection, [one.target for one in self.listeners])
        known = notices.targets(connection)
        found = troubles.find(connection, troubles.View(now, self.every))
        return [
            _Look(one, self._unheard(connection, one.target, found, now))
            for one in self.listeners
            if _may_be_asked(known.get(one.target), now)
        ]

    def _unheard(
        self, connection: sa.Connection, target: str, found: list[Finding], now: datetime
    ) -> News:
        told = notices.told(connection, target)
        if not self.new_rows:
            return news(found, told)
        seen = {
            topic.subject: int(one.detail)
            for topic, one in told.items()
            if topic.kind is NoticeKind.NEW
        }
        for far in troubles.last_rows(connection):
            if far.topic.subject not in seen:  # a first copy is no news
                notices.remember(connection, target, far, now=now)
                seen[far.topic.subject] = int(far.detail)
        return news([*found, *troubles.find_new(connection, seen)], told)

    async def _send(self, look: _Look) -> int:
        """Send outside any transaction, then note how it went."""
        target = look.listener.target
        try:
            await self.tell(look.listener.address, *message(look.unheard))
        except TransportFailure as error:
            log.warning("notices.not_taken", target=target, reason=error.message)
            await self.database.write(self._note_failure, target, error.message)
            return 0
        await self.database.write(notices.record, target, look.unheard, now=self.clock())
        return 1

    def _note_failure(self, connection: sa.Connection, target: str, reason: str) -> None:
        known = notices.targets(connection).get(target, Target(target))
        wait = min(EVERY * 2 ** min(known.failures, 10), _LONGEST_WAIT)
        notices.record_failure(connection, target, reason, not_before=self.clock() + wait)


def _may_be_asked(known: Target | None, now: datetime) -> bool:
    return known is None or known.not_before is None or known.not_before <= now
