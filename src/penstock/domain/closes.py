"""What an instrument cost at the end of days that are over, as a source tells it today."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple, Protocol

from penstock.domain.quote import Quote, Suspicious

HISTORY: Final = "history"
"""A flag: it is a day's close that was asked for later, and no price that was seen on that day."""


class Closes(NamedTuple):
    """What one source told in one request, of the days from `first` up to the last that was asked.

    `quotes` are believed, the oldest first; `doubts` are of those that are not.
    """

    first: date
    source: str
    quotes: Sequence[Quote]
    doubts: Sequence[Suspicious]


class Historian(Protocol):
    """Asks sources for closes (quotes/historian.py)."""

    async def closes(
        self, instrument: str, first: date, last: date, known: Sequence[Quote]
    ) -> Closes:
        """Return what the best source tells of the last of these days, in one request.

        They are held against the prices that are `known`. Raises QuoteError.
        """
