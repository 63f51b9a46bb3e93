"""What a person allowed us to read, and what opens the door."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from penstock.domain.secret import Secret

WARNED_DAYS: Final = (1, 7, 14)
"""Days before a consent ends from which on its person is warned, each time anew (sync.md 26)."""


class ConsentState(StrEnum):
    """Where a connection's consent stands (sync.md 26)."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LOGIN_REQUIRED = "login_required"


def warned(ends: datetime | None, now: datetime) -> int | None:
    """Return which of the days of warning a consent has come to; None where it is far from all.

    0: it has ended.
    """
    if ends is None:
        return None
    left = ends - now
    if left <= timedelta(0):
        return 0
    return next((days for days in WARNED_DAYS if left <= timedelta(days=days)), None)


def standing(stored: ConsentState, ends: datetime | None, now: datetime) -> ConsentState:
    """Return where a consent stands now, which was `stored` as the last sync left it."""
    if stored not in {ConsentState.ACTIVE, ConsentState.EXPIRING}:
        return stored
    step = warned(ends, now)
    if step == 0:
        return ConsentState.EXPIRED
    return stored if step is None else ConsentState.EXPIRING


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a connection. `expires_at` is the access token's; None: it does not expire.

    `key` is the private key that the tokens are bound to, where they are (RFC 9449).
    """

    access: Secret
    refresh: Secret | None = None
    expires_at: datetime | None = None
    scope: str = ""
    key: Secret | None = None
