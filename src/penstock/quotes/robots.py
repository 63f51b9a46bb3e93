"""What a host's robots.txt lets us ask, and how often (RFC 9309)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from penstock.domain.pricing import RobotsSeen
from penstock.domain.request import Response

if TYPE_CHECKING:
    from protego import Protego

NAME: Final = "penstock"
"""The product token that robots.txt files know us by (RFC 9309 \u00a72.2.1)."""

LONGEST_ROBOTS: Final = 500 * 1024
LONGEST_DELAY: Final = timedelta(minutes=1)

_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS
_RULES_HOLD: Final = timedelta(hours=24)
_OUTAGE_HOLDS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Robots:
    """A host's rules; without them everything is open."""

    rules: "Protego | None" = None

    def allow(self, url: str) -> bool:
        """Say whether the address may be asked, and not too seldom to be of use."""
        if self.rules is None:
            return True
        return self.rules.can_fetch(url, NAME) and self.delay <= LONGEST_DELAY

    @property
    def delay(self) -> timedelta:
        """The time that it wants between two requests."""
        seconds = self.rules.crawl_delay(NAME) if self.rules else None
        return timedelta(seconds=min(max(float(seconds or 0), 0.0), 86_400.0))


@lru_cache(maxsize=64)
def rules_in(text: str) -> Robots:
    """Read the text of a robots.txt; an empty one allows everything."""
    if not text:
        return Robots()
    from protego import Protego  # noqa: PLC0415 - official sources need no robots.txt

    return Robots(Protego.parse(text))


def robots_from(response: Response | None, now: datetime) -> RobotsSeen:
    """Read an answer to /robots.txt (RFC 9309 \u00a72.3.1); None: the host could not be reached.

    A file is obeyed for a day. None there (4xx) allows everything; an outage allows nothing, and
    429 is one: it does not say that there is no file.
    """
    down = HTTPStatus.INTERNAL_SERVER_ERROR
    if response is None or response.status >= down or response.status == _TOO_MANY:
        return RobotsSeen(now + _OUTAGE_HOLDS, None)
    if response.status == HTTPStatus.OK:
        text = response.body[:LONGEST_ROBOTS].decode("utf-8", "replace").replace("\0", "")
        return RobotsSeen(now + _RULES_HOLD, text)
    if response.status >= HTTPStatus.BAD_REQUEST:
        return RobotsSeen(now + _RULES_HOLD, "")
    return RobotsSeen(now + _OUTAGE_HOLDS, None)
