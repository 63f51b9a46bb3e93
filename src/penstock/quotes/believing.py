"""What becomes of a price that was read: believed, doubted, or believed because others say so."""

from collections.abc import Collection
from typing import Final

from penstock.domain.pricing import Kept
from penstock.domain.quote import TRUSTED, Quote, Suspicious, SuspiciousJump
from penstock.domain.trail import How
from penstock.quotes.keeping import alone
from penstock.quotes.plan import Attempt
from penstock.quotes.quest import Doubted, Quest
from penstock.quotes.remembering import Believed, Recalled
from penstock.quotes.sanity import AFTER_SPLIT, agree, doubt_about, split_between

CONFIRMED_BY: Final = "confirmed_by:"
"""A flag, before a source's id: it is far from the last price, but that source says the same."""

DISAGREES_WITH: Final = "disagrees_with:"
"""A flag, before a source's id: it goes with the last price, but that source told another."""


class Believer:
    """Holds prices against the last ones; keeps and remembers those that are believed.

    `trusted` are symbols, as they are asked for, of which a person says that the price is right.
    """

    def __init__(
        self, believed: Believed, recalled: Recalled, trusted: Collection[str] = ()
    ) -> None:
        self._believed = believed
        self._recalled = recalled
        self._trusted = trusted

    def doubt_about(self, attempt: Attempt, quote: Quote) -> Suspicious | None:
        """Return why a price of this source does not go with the last one, None if it does."""
        last = self._believed.last(quote.instrument)
        splits = self._believed.splits(quote.instrument)
        return doubt_about(quote, last, attempt.source.sane, splits)

    async def take(
        self,
        quest: Quest,
        attempt: Attempt,
        quote: Quote,
        kept: Kept,
        how: How = How.FETCHED,
    ) -> None:
        """Judge a price that was asked for just now; `kept` is its answer, to be kept with it."""
        last = self._believed.last(quote.instrument)
        splits = self._believed.splits(quote.instrument)
        doubt = self.doubt_about(attempt, quote)
        if doubt is not None and quest.asked in self._trusted:
            quote, doubt = _flagged(quote, TRUSTED), None
        elif doubt is None and split_between(quote, last, splits):
            quote = _flagged(quote, AFTER_SPLIT)
        first = self._same_elsewhere(quest, attempt, quote, doubt)
        if first is not None:
            await self._believe(first.attempt, first.quote, first.kept)
            await self._believe(attempt, quote, kept)
            quest.note(attempt, how, quote)
            quest.outcome = _flagged(first.quote, CONFIRMED_BY + quote.source)
        elif doubt is not None:
            quest.doubted.append(Doubted(attempt, quote, doubt, kept))
            quest.note(attempt, how, quote, doubt)
            quest.fail(doubt)
        else:
            await self._believe(attempt, quote, kept)
            self.use(quest, attempt, quote, how)

    def use(self, quest: Quest, attempt: Attempt, quote: Quote, how: How) -> None:
        """Answer with a believed price."""
        quest.note(attempt, how, quote)
        others = [DISAGREES_WITH + doubted.quote.source for doubted in quest.doubted]
        quest.outcome = _flagged(quote, *others)

    async def take_neighbour(self, attempt: Attempt, quote: Quote, kept: Kept) -> None:
        """Keep a price that nobody asked for this time, if there is no doubt about it."""
        if self.doubt_about(attempt, quote) is None:
            await self._believe(attempt, quote, kept)

    def _same_elsewhere(
        self, quest: Quest, attempt: Attempt, quote: Quote, doubt: Suspicious | None
    ) -> Doubted | None:
        """Return the first price that jumped, of a source at other hosts which says the same."""
        if doubt is not None and not isinstance(doubt, SuspiciousJump):
            return None
        for doubted in quest.doubted:
            apart = set(attempt.source.hosts).isdisjoint(doubted.attempt.source.hosts)
            if isinstance(doubted.doubt, SuspiciousJump) and apart and agree(doubted.quote, quote):
                return doubted
        return None

    async def _believe(self, attempt: Attempt, quote: Quote, kept: Kept) -> None:
        await self._believed.believe(quote)
        await self._recalled.add(alone(kept, attempt.kept_at), quote)


def _flagged(quote: Quote, *flags: str) -> Quote:
    return quote._replace(flags=(*quote.flags, *flags)) if flags else quote
