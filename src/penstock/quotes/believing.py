"""What becomes of a price that was read: believed, doubted, or believed because others say so.

The first price of all has none before it to be held against: it is held back until another source
has been asked, unless an authority tells it. If somebody contradicts it, none of the two is
believed. If who could confirm it did not answer, it is no price yet, but an error that has it
(docs/decisions/0022-a-first-price-is-confirmed-or-held-back.md). Only where nobody else has the
instrument is it told as unconfirmed, and the next prices weigh more than it does.
"""

from collections.abc import Collection, Sequence
from typing import Final

from penstock.domain.pricing import Kept
from penstock.domain.quote import (
    TRUSTED,
    Quote,
    Suspicious,
    SuspiciousJump,
    Unconfirmed,
)
from penstock.domain.trail import How
from penstock.quotes.declaration import Declaration, Tier
from penstock.quotes.freshness import alone
from penstock.quotes.plan import Attempt
from penstock.quotes.quest import UNCONFIRMED, Doubted, Quest, apart
from penstock.quotes.recall import Believed, Recalled
from penstock.quotes.sanity import (
    AFTER_SPLIT,
    agree,
    doubt_about,
    how_to_accept,
    shown,
    split_between,
)

CONFIRMED_BY: Final = "confirmed_by:"
"""A flag, before a source's id: it is far from the last price, but that source says the same."""

DISAGREES_WITH: Final = "disagrees_with:"
"""A flag, before a source's id: it goes with the last price, but that source told another."""


_LAX: Final = frozenset([Tier.UNOFFICIAL, Tier.SCRAPE])
"""Nobody answers for the prices of such sources: the first is believed only with another's."""

_STANDS: Final = frozenset([Tier.OFFICIAL, Tier.MANUAL])
"""Such sources are the authority for their prices."""


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

    async def take(
        self,
        quest: Quest,
        attempt: Attempt,
        quote: Quote,
        kept: Kept,
        how: How = How.FETCHED,
    ) -> None:
        """Judge a price that a source told just now; `kept` is its answer, to be kept with it."""
        last = self._believed.last(quote.instrument)
        splits = self._believed.splits(quote.instrument)
        doubt = doubt_about(quote, last, attempt.source.sane, splits)
        if quest.asked in self._trusted:
            quote, doubt = (_flagged(quote, TRUSTED), None) if doubt else (quote, None)
            await self._use(quest, attempt, quote, kept, how)
            return
        if doubt is None and split_between(quote, last, splits):
            quote = _flagged(quote, AFTER_SPLIT)
        weak = last is None or is_weak(last)
        witness = self._same_elsewhere(quest, attempt, quote, doubt, weak=weak)
        doubt = doubt or self._contradiction(quest, attempt, quote, last)
        if witness is not None:
            await self._confirm(quest, witness, Doubted(attempt, quote, doubt, kept), how)
        elif doubt is not None:
            quest.doubted.append(Doubted(attempt, quote, doubt, kept))
            quest.note(attempt, how, quote, doubt)
            quest.fail(doubt)
        elif _wants_another(attempt, quote, last) and (
            quest.may_confirm(attempt.source) or (last is None and quest.silent(attempt.source))
        ):
            quest.doubted.append(Doubted(attempt, quote, None, kept))
            quest.note(attempt, how, quote)
        else:
            weak = _stays_weak(last, attempt)
            quote = with_flag(quote, UNCONFIRMED) if weak else quote
            await self._use(quest, attempt, quote, kept, how)

    async def _confirm(self, quest: Quest, witness: Doubted, now: Doubted, how: How) -> None:
        """Believe what was held back, and what says the same."""
        await self._believe(witness.attempt, witness.quote, witness.kept)
        await self._believe(now.attempt, now.quote, now.kept)
        quest.note(now.attempt, how, now.quote)
        others = [one for one in quest.doubted if one is not witness]
        flags = (CONFIRMED_BY + now.quote.source, *_disagreeing(others))
        quest.outcome = _flagged(witness.quote, *flags)

    async def settle(self, quest: Quest) -> bool:
        """End with a first price that nobody confirmed, and nobody contradicted; say whether.

        It is held back where another source could have said whether it is right.
        """
        if quest.outcome is not None or not quest.doubted:
            return False
        first = quest.doubted[0]
        if any(one.doubt for one in quest.doubted):
            return False
        silent = quest.silent(first.attempt.source)
        if silent and self._believed.last(first.quote.instrument) is None:
            quest.outcome = _unconfirmed(quest, first, silent)
            return True
        quote = with_flag(first.quote, UNCONFIRMED)
        await self._believe(first.attempt, quote, first.kept)
        quest.outcome = quote
        return True

    async def _use(
        self, quest: Quest, attempt: Attempt, quote: Quote, kept: Kept, how: How
    ) -> None:
        await self._believe(attempt, quote, kept)
        self.use(quest, attempt, quote, how)

    def use(self, quest: Quest, attempt: Attempt, quote: Quote, how: How) -> None:
        """Answer with a believed price."""
        quest.note(attempt, how, quote)
        quest.outcome = _flagged(quote, *_disagreeing(quest.doubted))

    async def take_neighbour(self, attempt: Attempt, quote: Quote, kept: Kept) -> None:
        """Keep a price that nobody asked for this time, if there is no doubt about it."""
        last = self._believed.last(quote.instrument)
        splits = self._believed.splits(quote.instrument)
        if doubt_about(quote, last, attempt.source.sane, splits) is None:
            weak = _stays_weak(last, attempt)
            await self._believe(attempt, with_flag(quote, UNCONFIRMED) if weak else quote, kept)

    def is_doubtful(self, attempt: Attempt, quote: Quote) -> bool:
        """Say whether a price from before does not go with what was believed since."""
        last = self._believed.last(quote.instrument)
        splits = self._believed.splits(quote.instrument)
        return doubt_about(quote, last, attempt.source.sane, splits) is not None

    def _same_elsewhere(
        self,
        quest: Quest,
        attempt: Attempt,
        quote: Quote,
        doubt: Suspicious | None,
        *,
        weak: bool,
    ) -> Doubted | None:
        """Return the first price held back, of a source at other hosts which says the same.

        Against a last price that somebody confirmed, no source confirms another's unit.
        """
        if doubt is not None and not (weak or isinstance(doubt, SuspiciousJump)):
            return None
        for held in quest.doubted:
            if not apart(attempt.source, held.attempt.source):
                continue
            if held.doubt is None:
                same = doubt_about(quote, held.quote, attempt.source.sane) is None
            else:
                may = weak or isinstance(held.doubt, SuspiciousJump)
                same = may and agree(held.quote, quote)
            if same:
                return held
        return None

    def _contradiction(
        self, quest: Quest, attempt: Attempt, quote: Quote, last: Quote | None
    ) -> Suspicious | None:
        """Return why a price that nothing speaks for is not believed: another source told another.

        What speaks for it is a last price that is confirmed, or of other hosts.
        """
        if not _stays_weak(last, attempt):
            return None
        for held in quest.doubted:
            if apart(attempt.source, held.attempt.source):
                return doubt_about(quote, held.quote, attempt.source.sane)
        return None

    async def _believe(self, attempt: Attempt, quote: Quote, kept: Kept) -> None:
        await self._believed.believe(quote)
        await self._recalled.add(alone(kept, attempt.kept_at), quote)


def is_weak(last: Quote | None) -> bool:
    """Say whether the last price is one that nobody ever confirmed."""
    return last is not None and UNCONFIRMED in last.flags


def _unconfirmed(quest: Quest, first: Doubted, silent: Sequence[Declaration]) -> Unconfirmed:
    """Return the error that a first price is which these sources did not confirm."""
    quote, names = first.quote, {one.id for one in silent}
    reasons = {one.source: one for one in quest.errors if one.source in names}
    told = [f"{name}: {error.message}" for name, error in reasons.items()]
    told += [f"{one.id} was not asked." for one in silent if one.id not in reasons]
    return Unconfirmed(
        f"{quote.source} says {shown(quote)}. It is the first price, and no other source said "
        f"whether it is right: {' '.join(told)} {how_to_accept(quote)}",
        quote=quote,
        reasons=list(reasons.values()),
        symbol=quest.asked,
        source=quote.source,
    )


def _stays_weak(last: Quote | None, attempt: Attempt) -> bool:
    """Say whether a price that goes with the last one has nobody else to speak for it."""
    if attempt.source.tier in _STANDS:
        return False
    return last is None or (is_weak(last) and last.source == attempt.source.id)


def _wants_another(attempt: Attempt, quote: Quote, last: Quote | None) -> bool:
    """Say whether another source is to confirm a price: at first, then daily until one does."""
    if attempt.source.tier not in _LAX or not _stays_weak(last, attempt):
        return False
    return last is None or last.fetched_at.date() < quote.fetched_at.date()


def _disagreeing(doubted: Collection[Doubted]) -> list[str]:
    return [DISAGREES_WITH + one.quote.source for one in doubted]


def with_flag(quote: Quote, flag: str) -> Quote:
    """Return a quote with a flag, which it may have already."""
    return quote if flag in quote.flags else _flagged(quote, flag)


def _flagged(quote: Quote, *flags: str) -> Quote:
    return quote._replace(flags=(*quote.flags, *flags)) if flags else quote
