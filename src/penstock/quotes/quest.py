"""One symbol on its way: the ways that are left, what came of those that were tried."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.domain.pricing import Kept
from penstock.domain.quote import (
    BotChallenge,
    ConsentWall,
    Quote,
    QuoteError,
    RetryLater,
    RobotsDenied,
    SourceUnavailable,
    Suspicious,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.trail import How, Step, Trail
from penstock.quotes.declaration import Declaration
from penstock.quotes.plan import Attempt

UNCONFIRMED: Final = "unconfirmed"
"""A flag: no price of it was known before, and no other source has said the same since."""

Outcome = Quote | QuoteError

_OUTAGES: Final = (SourceUnavailable, RetryLater, ConsentWall, BotChallenge)


@dataclass(frozen=True, slots=True)
class Doubted:
    """A price that is held back, and the answer that it came with.

    It does not go with the last one, or (`doubt` is None) there is no last one to hold it against.
    """

    attempt: Attempt
    quote: Quote
    doubt: Suspicious | None
    kept: Kept


@dataclass(slots=True)
class Quest:
    """A symbol as it was asked for, until it has an outcome.

    `covering` are all sources in use that quote it as far as they say, also those that whoever asks
    does not want asked.
    """

    asked: str
    ways: deque[Attempt]
    covering: Sequence[Declaration] = ()
    tried: list[Attempt] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    errors: list[QuoteError] = field(default_factory=list)
    doubted: list[Doubted] = field(default_factory=list)
    outcome: Outcome | None = None

    def may_confirm(self, source: Declaration) -> bool:
        """Say whether a source at other hosts than this one is still to be asked."""
        return any(apart(way.source, source) for way in self.ways)

    def silent(self, source: Declaration) -> list[Declaration]:
        """Return the sources at other hosts than this one that could confirm it, and did not.

        One that knows no such symbol, or that no program may ask, never can.
        """
        never = (SymbolNotFound, RobotsDenied)
        told = {one.source for one in self.errors if isinstance(one, never)}
        told -= {one.source for one in self.errors if not isinstance(one, never)}
        told |= {one.quote.source for one in self.doubted}
        return [one for one in self.covering if apart(one, source) and one.id not in told]

    def next_way(self) -> Attempt:
        """Return the way to try now."""
        way = self.ways.popleft()
        self.tried.append(way)
        return way

    def note(
        self,
        attempt: Attempt,
        how: How,
        quote: Quote | None = None,
        error: QuoteError | None = None,
    ) -> None:
        """Add a step to the trail."""
        self.steps.append(
            Step(attempt.source.id, attempt.symbol.instrument, attempt.url, how, quote, error)
        )

    def fail(self, error: QuoteError) -> None:
        """Keep the ways that are worth trying after an error.

        A symbol without an exchange is sought on the next one, as long as the answers are about
        something else; another source is asked only where the error says that it may know better.
        """
        self.errors.append(error)
        here = isinstance(error, SymbolNotFound | WrongSymbol)
        self.ways = deque(
            way for way in self.ways if (here if way.source.id == error.source else error.elsewhere)
        )

    @property
    def had_outage(self) -> bool:
        """Whether a source could not be asked, and none of those that could told a new price."""
        return not self.doubted and any(isinstance(error, _OUTAGES) for error in self.errors)

    def telling(self) -> QuoteError:
        """Return the error that says most: a doubt, then the first that is not about the symbol."""
        for error in self.errors:
            if isinstance(error, Suspicious):
                return error
        for error in self.errors:
            if not isinstance(error, SymbolNotFound | WrongSymbol):
                return error
        return self.errors[-1]

    def trail(self) -> Trail:
        """Return what became of it. It has an outcome by now."""
        outcome = self.outcome or self.telling()
        return Trail(self.asked, outcome, tuple(self.steps))


def apart(one: Declaration, other: Declaration) -> bool:
    """Say whether two sources are at other hosts."""
    return set(one.hosts).isdisjoint(other.hosts)
