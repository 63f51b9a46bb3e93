"""Prices from Python: `StockInfoFetcher("EUR/USD").fetch()`.

The fetcher of `quotes/` with the one HTTP client of this program, put together for those who use
Penstock as a library.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from penstock.domain.protocol import Sender
from penstock.domain.secret import Secret
from penstock.outbound.client import Outbound
from penstock.quotes import fetcher
from penstock.quotes.catalogue import sources_named
from penstock.quotes.declaration import Declaration


class StockInfoFetcher(fetcher.StockInfoFetcher):
    """Fetches prices over the network: one `Quote` or one `QuoteError` for each symbol, in order.

    `sources` are names, asked in their order; without them, all that ask for no consent of yours.
    `keys` are API keys by source and option: `{"finnhub": {"key": "..."}}`. A fetch ends after
    `deadline` seconds. Raises InvalidInput for a source that there is not.
    """

    def __init__(
        self,
        *symbols: str | Iterable[str],
        sources: Sequence[str] | None = None,
        keys: Mapping[str, Mapping[str, str]] | None = None,
        deadline: float | None = None,
    ) -> None:
        chosen: list[Declaration] | None = None
        if sources is not None:
            chosen = list(sources_named(tuple(sources)))
        secret = {
            source: {option: Secret(text) for option, text in own.items()}
            for source, own in (keys or {}).items()
        }
        super().__init__(*symbols, connect=_connect, sources=chosen, keys=secret, deadline=deadline)


@asynccontextmanager
async def _connect() -> AsyncIterator[Sender]:
    async with Outbound() as outbound:
        yield partial(outbound.send, connector="quotes")
