"""How often SnapTrade answers (https://docs.snaptrade.com/docs/ratelimiting), and what it says.

250 requests in any minute to one client; and to one account of one whose own customer SnapTrade is,
10, whatever is asked of it. Every answer to what is signed tells what is left of either. What comes
with a token is not counted so, and told nothing: its 429 says when to come back, and that is all.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from penstock.sandbox.faces.answers import Refusal

OF_A_CLIENT = 250
OF_AN_ACCOUNT = 10
WINDOW = timedelta(minutes=1)


@dataclass(slots=True)
class Spent:
    """The requests of the last minute that count together."""

    most: int
    at: deque[datetime] = field(default_factory=deque)

    def left(self, now: datetime) -> int:
        """Return how many more are answered now."""
        while self.at and self.at[0] <= now - WINDOW:
            self.at.popleft()
        return self.most - len(self.at)

    def resets(self, now: datetime) -> int:
        """Return in how many seconds, rounded up, there is one more."""
        if not self.at:
            return 0
        return -int(-(self.at[0] + WINDOW - now).total_seconds() // 1)


class Limits:
    """The limits of a client and of its accounts."""

    def __init__(self) -> None:
        self.client = Spent(OF_A_CLIENT)
        self._accounts: dict[str, Spent] = {}

    def of_account(self, name: str) -> Spent:
        """Return what was asked of one account."""
        return self._accounts.setdefault(name, Spent(OF_AN_ACCOUNT))

    def spend(self, account: str, now: datetime) -> None:
        """Count a request, of an account or (the empty text) of none. Raises Refusal."""
        spent = self._spent(account)
        empty = [one for one in spent if one.left(now) <= 0]
        if empty:
            seconds = max(one.resets(now) for one in empty)
            words = f"Request was throttled. Expected available in {seconds} seconds."
            raise Refusal(429, "rate_limited", words)
        for one in spent:
            one.at.append(now)

    def headers(self, account: str, now: datetime) -> dict[str, str]:
        """Say what is left."""
        return dict(self._told(account, now))

    def _spent(self, account: str) -> list[Spent]:
        return [self.client, *([self.of_account(account)] if account else [])]

    def _told(self, account: str, now: datetime) -> Iterator[tuple[str, str]]:
        for infix, one in zip(("", "Account-"), self._spent(account), strict=False):
            yield f"X-RateLimit-{infix}Limit", str(one.most)
            yield f"X-RateLimit-{infix}Remaining", str(one.left(now))
            yield f"X-RateLimit-{infix}Reset", str(one.resets(now))
