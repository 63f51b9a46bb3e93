"""Who publishes exchange rates, and in which documents."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from penstock.domain.rate import Stated


@dataclass(frozen=True, slots=True)
class Edition:
    """A document that is published anew each day: `reach` is how far back it goes, None: all."""

    name: str
    url: str
    reach: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes rates, the editions from the smallest to the one that has all, how to read.

    `read` yields a document's rates and raises LayoutChanged for what is none.
    """

    source: str
    title: str
    editions: Sequence[Edition]
    read: Callable[[bytes], Iterator[Stated]]
