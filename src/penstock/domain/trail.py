"""How a symbol came to its price, or why it has none: every way that was tried, in order."""

from dataclasses import dataclass
from enum import StrEnum

from penstock.domain.quote import Quote, QuoteError


class How(StrEnum):
    """Where a step's answer came from."""

    FRESH = "fresh"
    """Kept, and so young that nobody was asked."""
    REVALIDATED = "revalidated"
    """Kept, and the source said that it still holds."""
    FETCHED = "fetched"
    """The source was asked, and answered."""
    STALE = "stale"
    """Kept, too old to be called fresh, and used because no source answered."""
    NOT_ASKED = "not_asked"
    """Nothing was sent: the host wants to be left alone, or time was over."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way that was tried: a source, what the symbol is there, and what came of it.

    `address` is what was asked, without secrets. `quote` is what was read, though it may have been
    doubted, which `error` then says. `quote.extractor` is the alternate that fired, `quote.raw` the
    text that it found.
    """

    source: str
    instrument: str
    address: str
    how: How
    quote: Quote | None = None
    error: QuoteError | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """What became of a symbol, and the steps there. No steps: nobody could be asked."""

    symbol: str
    outcome: Quote | QuoteError
    steps: tuple[Step, ...] = ()
