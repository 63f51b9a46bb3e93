"""What one fetch recalls and remembers: kept answers and believed prices, few questions at a time.

Both ask the store behind them once for what they do not know, and tell it in batches.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from penstock.domain.pricing import Accepted, Answers, Kept, Splits
from penstock.domain.quote import TRUSTED, Quote
from penstock.quotes.sanity import Split

AT_A_TIME: Final = 100


class Recalled:
    """The answers kept before, and those that came during this fetch."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._known: dict[str, Kept | None] = {}
        self._new: dict[str, Kept] = {}

    async def recall(self, addresses: Collection[str]) -> None:
        """Learn what is kept of these addresses, unless that is known."""
        unknown = [address for address in addresses if address not in self._known]
        if unknown:
            found = await self._answers.recall(unknown)
            self._known.update({address: found.get(address) for address in unknown})

    async def recall_again(self, addresses: Collection[str]) -> None:
        """Learn what is kept of these addresses by now."""
        for address in addresses:
            self._known.pop(address, None)
        await self.recall(addresses)

    def at(self, address: str) -> Kept | None:
        """Return what is kept of an address; nothing where nobody recalled it."""
        return self._known.get(address)

    def quote_of(self, address: str, instrument: str) -> Quote | None:
        """Return what is kept of an instrument at an address."""
        kept = self._known.get(address)
        return kept.quotes.get(instrument) if kept else None

    async def keep(self, kept: Kept) -> None:
        """Keep an answer in place of the one before at its address."""
        self._known[kept.address] = self._new[kept.address] = kept
        if len(self._new) >= AT_A_TIME:
            await self.flush()

    async def add(self, kept: Kept, quote: Quote) -> None:
        """Keep an answer with this quote, beside those that it has already."""
        known = self._known.get(kept.address)
        same = known is not None and known.fetched_at == kept.fetched_at
        quotes = dict(known.quotes) if known is not None and same else {}
        quotes[quote.instrument] = quote
        await self.keep(replace(kept, quotes=quotes))

    async def keep_batch(self, kept: Kept, addresses: Collection[str]) -> None:
        """Keep a batch as such too, with all that was kept of its parts: it can be revalidated."""
        quotes: dict[str, Quote] = {}
        for address in addresses:
            part = self._known.get(address)
            if part is not None and part.fetched_at == kept.fetched_at:
                quotes.update(part.quotes)
        await self.keep(replace(kept, quotes=quotes))

    async def flush(self) -> None:
        """Tell the store."""
        new, self._new = list(self._new.values()), {}
        if new:
            await self._answers.keep(new)


class Believed:
    """The last prices believed of what this fetch asks for, and those that it believes itself."""

    def __init__(self, accepted: Accepted, splits: Splits | None = None) -> None:
        self._accepted = accepted
        self._splits = splits
        self._last: dict[str, Quote | None] = {}
        self._factors: dict[str, Sequence[Split]] = {}
        self._new: list[Quote] = []
        self._wanted: Collection[str] = ()

    def expect(self, instruments: Collection[str]) -> None:
        """Be ready to be asked for these: they are recalled with the first of them."""
        self._wanted = instruments

    async def recall(self, instruments: Iterable[str]) -> None:
        """Learn the last prices of these, unless they are known."""
        unknown = {name for name in instruments if name not in self._last}
        if not unknown:
            return
        unknown.update(self._wanted)
        self._wanted = ()
        found = await self._accepted.last(unknown)
        for name in unknown:
            self._last.setdefault(name, found.get(name))
        if self._splits is not None and found:
            self._factors.update(await self._splits.of(list(found)))

    def last(self, instrument: str) -> Quote | None:
        """Return the last believed price."""
        return self._last.get(instrument)

    def splits(self, instrument: str) -> Sequence[Split]:
        """Return the splits that are known of it."""
        return self._factors.get(instrument, ())

    async def believe(self, quote: Quote) -> None:
        """Believe a price; one that is older replaces the last only if a person said so."""
        last = self.last(quote.instrument)
        if last is None or quote.as_of >= last.as_of or TRUSTED in quote.flags:
            self._last[quote.instrument] = quote
        self._new.append(quote)
        if len(self._new) >= AT_A_TIME:
            await self.flush()

    async def flush(self) -> None:
        """Tell the store."""
        new, self._new = self._new, []
        if new:
            await self._accepted.accept(new)
