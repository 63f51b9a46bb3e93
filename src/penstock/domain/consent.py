"""What a person allowed us to read, and what opens the door."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from penstock.domain.secret import Secret


class ConsentState(StrEnum):
    """Where a connection's consent stands (sync.md 26)."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LOGIN_REQUIRED = "login_required"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a connection. `expires_at` is the access token's; None: it does not expire."""

    access: Secret
    refresh: Secret | None = None
    expires_at: datetime | None = None
    scope: str = ""
