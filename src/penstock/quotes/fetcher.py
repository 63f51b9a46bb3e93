"""`StockInfoFetcher`: prices for programs that are not async, over the one engine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from penstock.domain.clock import Clock, utc_now
from penstock.domain.errors import InvalidInput
from penstock.domain.protocol import Sender
from penstock.domain.remedy import fix_code
from penstock.quotes.alone import AcceptedAlone, AnswersAlone, GateAlone
from penstock.quotes.catalogue import all_sources
from penstock.quotes.declaration import Declaration
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.keys import Keys
from penstock.quotes.quest import Outcome

Connect = Callable[[], AbstractAsyncContextManager[Sender]]
"""Opens what sends requests, in the event loop that will use it, and closes it again."""


class StockInfoFetcher:
    """Fetches prices: `StockInfoFetcher("AAPL", "SAP.DE").fetch()`, or with a list of symbols.

    One `Quote` or one `QuoteError` comes back for each symbol, in order. Requests go out through
    what `connect` opens for each fetch, or through `send`. `sources` are asked in their order;
    without them, all that ask for no consent of yours are. It also works where an event loop is
    running already, and blocks there as any synchronous call does; `afetch` does not block.

    What it learnt it keeps from one fetch to the next: answers that are still fresh, the pace of
    each host, and the last prices, which new ones are held against. A fetch ends after `deadline`
    seconds; without one it takes as long as the hosts' pace wants.
    """

    def __init__(
        self,
        *symbols: str | Iterable[str],
        send: Sender | None = None,
        connect: Connect | None = None,
        sources: Sequence[Declaration] | None = None,
        clock: Clock = utc_now,
        deadline: float | None = None,
        keys: Keys | None = None,
    ) -> None:
        known = all_sources()
        self._symbols = _flat(symbols)
        self._connect = connect or _handing_out(send)
        self._sources = sources if sources is not None else [s for s in known if not s.opt_in]
        self._disabled = [source for source in known if source not in self._sources]
        self._clock = clock
        self._deadline = deadline
        self._keys = keys
        self._gate = GateAlone(clock=clock)
        self._answers = AnswersAlone()
        self._accepted = AcceptedAlone()

    def fetch(self, *symbols: str | Iterable[str]) -> list[Outcome]:
        """Return one quote or one error for each of these symbols, else of those given before."""
        wanted = _flat(symbols) or self._symbols
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._fetch(wanted))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="quotes") as aside:
            return aside.submit(lambda: asyncio.run(self._fetch(wanted))).result()

    async def afetch(self, *symbols: str | Iterable[str]) -> list[Outcome]:
        """Fetch as `fetch` does, in the event loop that is running."""
        return await self._fetch(_flat(symbols) or self._symbols)

    async def _fetch(self, symbols: list[str]) -> list[Outcome]:
        async with self._connect() as send:
            engine = QuoteEngine(
                self._sources,
                send,
                clock=self._clock,
                disabled=self._disabled,
                gate=self._gate,
                answers=self._answers,
                accepted=self._accepted,
                keys=self._keys,
            )
            return await engine.fetch(symbols, deadline=self._deadline)


def _flat(symbols: Iterable[str | Iterable[str]]) -> list[str]:
    """Return the symbols of `("AAPL", "SAP.DE")`, and of `(["AAPL", "SAP.DE"],)` alike."""
    return [
        symbol for given in symbols for symbol in ([given] if isinstance(given, str) else given)
    ]


def _handing_out(send: Sender | None) -> Connect:
    if send is None:
        raise InvalidInput(
            "A fetcher needs something to send with.", remedy=fix_code("Pass `send` or `connect`.")
        )

    @asynccontextmanager
    async def connect() -> AsyncIterator[Sender]:
        yield send

    return connect
