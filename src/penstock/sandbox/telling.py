"""When the bank sends its webhooks: after the answer to each request, if that moved a world."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from penstock.sandbox.bank import Bank

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Teller:
    """Tells after each request, and ends with the app."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._under_way: set[asyncio.Future[int]] = set()

    def install(self, app: web.Application) -> None:
        """Have an app's requests followed by the telling."""
        app.middlewares.append(self._middleware())
        app.on_cleanup.append(self._end)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def answer_first(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            finally:
                self._tell()

        return answer_first

    def _tell(self) -> None:
        if self._bank.hooks.subscriptions:
            telling = asyncio.ensure_future(self._bank.hooks.tell())
            self._under_way.add(telling)
            telling.add_done_callback(self._under_way.discard)

    async def _end(self, _app: web.Application) -> None:
        for telling in list(self._under_way):
            telling.cancel()
