"""Whose days they are: which it is now, and when one ends."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a zone, at an instant."""

    zone: ZoneInfo
    now: datetime

    @property
    def today(self) -> date:
        """The day that it is."""
        return self.now.astimezone(self.zone).date()

    def end(self, day: date) -> datetime:
        """Return the last instant of a day; of today, the present one."""
        if day >= self.today:
            return self.now
        midnight = datetime.combine(day + timedelta(days=1), time(0), self.zone)
        return midnight.astimezone(UTC) - timedelta(microseconds=1)

    def day_of(self, moment: datetime) -> date:
        """Return the day in which an instant lies."""
        return moment.astimezone(self.zone).date()
