"""Which sessions are live, as this process last saw it: asked again every five seconds (T3)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from penstock.db import sessions
from penstock.db.lane import Database
from penstock.db.sessions import Holder
from penstock.domain.clock import Clock

_SEEN_FOR: Final = timedelta(seconds=5)
_MOST_SEEN: Final = 10_000


class LiveSessions:
    """Says whose a session is, if it is live."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: dict[int, tuple[datetime, Holder | None]] = {}

    async def holder(self, session_id: int) -> Holder | None:
        """Return whose session it is, as it was within the last five seconds; None: it is over."""
        now = self._clock()
        seen = self._seen.get(session_id)
        if seen is not None and timedelta(0) <= now - seen[0] < _SEEN_FOR:
            return seen[1]
        holder = await self._database.glance(sessions.holder, session_id, now=now)
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[session_id] = (now, holder)
        return holder

    def forget(self, session_ids: Iterable[int]) -> None:
        """Ask the database again: these sessions were ended here."""
        for session_id in session_ids:
            self._seen.pop(session_id, None)
