"""What everything about people stands on."""

import hashlib
import hmac
from dataclasses import dataclass, field

from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.identity.live import LiveSessions
from penstock.identity.passwords import Passwords
from penstock.identity.throttle import Throttle
from penstock.vault.cipher import Cipher


@dataclass(frozen=True, slots=True)
class Ground:
    """The database and its neighbours. `pepper` is at least 32 bytes that are not in it."""

    database: Database
    cipher: Cipher
    clock: Clock
    audit: AuditLog
    passwords: Passwords
    throttle: Throttle
    live: LiveSessions
    pepper: bytes = field(repr=False)

    def key(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for one purpose."""
        return hmac.digest(self.pepper, f"penstock {purpose}".encode(), hashlib.sha256)
