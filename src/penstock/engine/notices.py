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

from penstock.db import arrivals, notices, troubles
from penstock.db.arrivals import Arrived, Mark
from penstock.db.lane import Database
from penstock.db.notices import Target
from penstock.domain.clock import Clock
from penstock.domain.errors import TransportFailure
from penstock.domain.ids import public_id
from penstock.domain.notice import Finding, News, NoticeKind, Topic, message, news
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
    """What one listener has not heard yet, and `passed`: what is not worth telling."""

    listener: Listener
    unheard: News
    passed: Sequence[Finding] = ()


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
        if not await self.database.write(self._begin, now):
            return 0
        looks = await self.database.read(self._look, now)
        if any(look.passed for look in looks):
            await self.database.write(_remember, looks, now)
        taken = [await self._send(look) for look in looks if look.unheard]
        return sum(taken)

    def _begin(self, connection: sa.Connection, now: datetime) -> bool:
        if not notices.take_turn(connection, now=now, until=now + EVERY):
            return False
        notices.keep_targets(connection, [one.target for one in self.listeners])
        return True

    def _look(self, connection: sa.Connection, now: datetime) -> list[_Look]:
        known = notices.targets(connection)
        found = troubles.find(connection, troubles.View(now, self.every))
        return [
            self._unheard(connection, one, found)
            for one in self.listeners
            if _may_be_asked(known.get(one.target), now)
        ]

    def _unheard(
        self, connection: sa.Connection, listener: Listener, found: list[Finding]
    ) -> _Look:
        told = notices.told(connection, listener.target)
        if not self.new_rows:
            return _Look(listener, news(found, told))
        marks = {
            one.connection_id: Mark.read(one.detail)
            for topic, one in told.items()
            if topic.kind is NoticeKind.NEW
        }
        arrived = list(arrivals.since(connection, marks))
        new = [_new(one) for one in arrived if one.count]
        return _Look(
            listener, news([*found, *new], told), [_new(one) for one in arrived if not one.count]
        )

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


def _new(arrived: Arrived) -> Finding:
    topic = Topic(NoticeKind.NEW, public_id("con", arrived.connection_id))
    title = f"{arrived.count} new at {arrived.name}"
    text = ", ".join(f"{count} in {account}" for account, count in arrived.counts)
    return Finding(topic, arrived.connection_id, str(arrived.mark), title, text)


def _remember(connection: sa.Connection, looks: Sequence[_Look], now: datetime) -> None:
    for look in looks:
        for finding in look.passed:
            notices.remember(connection, look.listener.target, finding, now=now)
