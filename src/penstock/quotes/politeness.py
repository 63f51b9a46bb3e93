"""How gently each host is asked: its turns, its robots.txt, and when it wants to be left alone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from penstock.domain.request import Response

if TYPE_CHECKING:
    from protego import Protego

NAME: Final = "penstock"
"""The product token that robots.txt files know us by (RFC 9309 \u00a72.2.1)."""

LONGEST_ROBOTS: Final = 500 * 1024
LONGEST_DELAY: Final = timedelta(minutes=1)

_RULES_HOLD: Final = timedelta(hours=24)
_OUTAGE_HOLDS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Robots:
    """A host's robots.txt; without `rules` everything is `open`, or nothing is."""

    until: datetime
    open: bool
    rules: "Protego | None" = None

    def allow(self, url: str) -> bool:
        """Say whether the address may be asked, and not too seldom to be of use."""
        if self.rules is None:
            return self.open
        return self.rules.can_fetch(url, NAME) and self.delay <= LONGEST_DELAY

    @property
    def delay(self) -> timedelta:
        """The time that it wants between two requests."""
        seconds = self.rules.crawl_delay(NAME) if self.rules else None
        return timedelta(seconds=min(max(float(seconds or 0), 0.0), 86_400.0))


@dataclass(slots=True)
class Host:
    """What we remember of a host from one request to the next."""

    next_turn: datetime | None = None
    closed_until: datetime | None = None
    robots: Robots | None = None

    def turn(self, now: datetime, interval: timedelta) -> timedelta:
        """Take the next turn, and return how long to wait for it."""
        at = max(now, self.next_turn or now)
        self.next_turn = at + interval
        return at - now

    def is_closed(self, now: datetime) -> bool:
        """Say whether the host asked to be left alone for now."""
        return self.closed_until is not None and now < self.closed_until


@dataclass(slots=True)
class Hosts:
    """All hosts that were ever asked: keep it as long as you ask."""

    known: dict[str, Host] = field(default_factory=dict)

    def at(self, name: str) -> Host:
        """Return what is known of a host."""
        return self.known.setdefault(name, Host())


def robots_from(response: Response | None, now: datetime) -> Robots:
    """Read an answer to /robots.txt (RFC 9309 \u00a72.3.1); None: the host could not be reached.

    A file is obeyed for a day. None there (4xx) allows everything; an outage allows nothing.
    """
    if response is None or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Robots(now + _OUTAGE_HOLDS, open=False)
    if response.status == HTTPStatus.OK:
        from protego import Protego  # noqa: PLC0415 - official sources need no robots.txt

        text = response.body[:LONGEST_ROBOTS].decode("utf-8", "replace")
        return Robots(now + _RULES_HOLD, open=True, rules=Protego.parse(text))
    missing = response.status >= HTTPStatus.BAD_REQUEST
    return Robots(now + (_RULES_HOLD if missing else _OUTAGE_HOLDS), open=missing)
