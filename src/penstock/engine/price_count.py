"""Counts what became of prices that were asked for, by source and outcome, and how old they are."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from penstock.domain.clock import Clock
from penstock.domain.quote import Quote
from penstock.domain.trail import Step, Trail
from penstock.observe.metrics import Metrics

NOBODY: Final = "none"
"""In place of a source, where none could be asked."""


class Explaining(Protocol):
    """What asks for prices (quotes/fetch.py, which is a sibling)."""

    async def explain(
        self,
        symbols: Iterable[str],
        *,
        source: str | None = None,
        trust: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[Trail]:
        """Return how each symbol came to its outcome, in order."""


@dataclass(frozen=True, slots=True)
class CountedQuotes:
    """The quote engine, with its outcomes counted."""

    quotes: Explaining
    metrics: Metrics
    clock: Clock

    async def explain(
        self,
        symbols: Iterable[str],
        *,
        source: str | None = None,
        trust: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[Trail]:
        """Return how each symbol came to its outcome, in order; a symbol counts once."""
        asked = list(symbols)
        trails = await self.quotes.explain(asked, source=source, trust=trust, deadline=deadline)
        for trail in {trail.symbol: trail for trail in trails}.values():
            self._count(trail)
        return trails

    def _count(self, trail: Trail) -> None:
        for step in trail.steps:
            self.metrics.quoted(step.source, _outcome(step))
        if isinstance(trail.outcome, Quote):
            age = (self.clock() - trail.outcome.as_of).total_seconds()
            self.metrics.price_told(trail.outcome.source, max(age, 0.0))
        elif not trail.steps:
            self.metrics.quoted(NOBODY, trail.outcome.code)


def _outcome(step: Step) -> str:
    return step.how.value if step.error is None else step.error.code
