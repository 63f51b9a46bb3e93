"""Webhooks that the bank sends: after each request that moved a world, to whoever asked for them.

How an event is written and signed is the protocol's affair: a face hands over a function that does
so. Nothing is sent twice, unless somebody wants to see what happens then.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from penstock.sandbox.authority import Grant
from penstock.sandbox.log import Change, ChangeLog

SECONDS = 10


class Posted(NamedTuple):
    """One webhook as it goes out."""

    headers: Mapping[str, str]
    body: bytes


Write = Callable[[list[Change]], Iterable[Posted]]
"""Writes what is to be told of some changes, signed."""


@dataclass(slots=True)
class Subscription:
    """Somebody who wants to be told; `told` is the version of the world of which they were."""

    grant: Grant
    url: str
    write: Write
    told: int


class HookBook:
    """Everybody who wants to be told, and the telling.

    `log_of` gives what happened in the world of a grant; None where the grant is good no more.
    """

    def __init__(self, log_of: Callable[[Grant], ChangeLog | None], counters: Counter[str]) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self._log_of = log_of
        self._counters = counters
        self._telling = asyncio.Lock()

    def add(self, name: str, grant: Grant, url: str, write: Write) -> None:
        """Tell at `url` of what happens from now on in the world of a grant."""
        log = self._log_of(grant)
        self.subscriptions[name] = Subscription(grant, url, write, log.version if log else 0)

    async def tell(self) -> int:
        """Tell everybody of what they do not know yet; return how many webhooks went out."""
        async with self._telling:
            posted = [
                (each.url, one)
                for each in self.subscriptions.values()
                for one in each.write(self._news(each))
            ]
            for url, one in posted:
                await self.post(url, one)
            return len(posted)

    async def post(self, url: str, posted: Posted) -> int:
        """Send one webhook; return the status of the answer, 0 where there was none."""
        headers = {"Content-Type": "application/json", **posted.headers}
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.post(url, data=posted.body, headers=headers) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self._counters[f"hooks:{status}"] += 1
        return status

    def _news(self, subscription: Subscription) -> list[Change]:
        log = self._log_of(subscription.grant)
        if log is None:
            return []
        news = list(log.after(subscription.told))
        subscription.told = log.version
        return news
