"""Who is asking, as far as an access token proves it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from penstock.identity.purpose import OWN_CLIENT, PERSONAL
from penstock.identity.scopes import Scope

FRESH_FOR: Final = timedelta(minutes=5)
"""For how long it counts that somebody proved who they are (security.md L9, RFC 9470)."""


SKEW: Final = timedelta(seconds=10)
"""By how much the clocks of several machines that serve may differ."""


def is_fresh(proved_at: datetime | None, now: datetime) -> bool:
    """Say whether a proof counts still. One from well after `now` does not count at all."""
    return proved_at is not None and proved_at - SKEW <= now <= proved_at + FRESH_FOR


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request. The numbers are row numbers.

    `client_id` is the program that asks for them; `key_thumbprint` is that of the key to which the
    token is bound, None where whoever has the token may use it. `proved_at` is when they last
    proved who they are in this session; None: it is not known.
    """

    user_id: int
    session_id: int
    username: str
    scopes: frozenset[Scope]
    client_id: str = OWN_CLIENT
    key_thumbprint: str | None = None
    proved_at: datetime | None = None

    @property
    def is_ours(self) -> bool:
        """Whether a program of ours asks, with the person at it."""
        return self.client_id == OWN_CLIENT

    @property
    def is_script(self) -> bool:
        """Whether it is a personal access token that asks: nobody is there to prove anything."""
        return self.client_id == PERSONAL
