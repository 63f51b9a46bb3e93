"""Challenges for passkeys: ours by their MAC, for one purpose and one browser, good once (L7).

Nothing is stored when one is made, so that strangers who ask for the sign-in page fill no table;
what was answered is remembered until the challenge would have run out.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from penstock.db import spent_challenges
from penstock.identity.ground import Ground

LIFETIME: Final = timedelta(minutes=5)

_RANDOM: Final = 16
_UNTIL: Final = 8
_MAC: Final = 32


class Challenges:
    """Makes challenges, and takes each of them back once."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._key = ground.key("challenges")

    def new(self, purpose: str, bound: str) -> bytes:
        """Return a challenge for one purpose, bound to one browser."""
        until = int((self._ground.clock() + LIFETIME).timestamp())
        content = secrets.token_bytes(_RANDOM) + until.to_bytes(_UNTIL, "big")
        return content + self._mac(content, purpose, bound)

    async def spend(self, challenge: bytes, purpose: str, bound: str) -> bool:
        """Use a challenge up; False where it is not ours, not for this, too old or used."""
        content, mac = challenge[:-_MAC], challenge[-_MAC:]
        ours = hmac.compare_digest(mac, self._mac(content, purpose, bound))
        if not ours or len(content) != _RANDOM + _UNTIL:
            return False
        now = self._ground.clock()
        until = datetime.fromtimestamp(int.from_bytes(content[_RANDOM:], "big"), UTC)
        if until <= now:
            return False
        return await self._ground.database.write(
            spent_challenges.spend,
            hashlib.sha256(challenge).hexdigest(),
            now=now,
            expires_at=until,
        )

    def _mac(self, content: bytes, purpose: str, bound: str) -> bytes:
        said = b"\0".join((purpose.encode(), bound.encode("utf-8", "surrogatepass"), content))
        return hmac.digest(self._key, said, hashlib.sha256)
