"""Puts together what has to do with prices: the quote engine, and what it needs of the database.

Beside wiring.py, which calls it: who adds something that prices, converts or values adds it here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.outbound.client import Outbound
from penstock.quotes.catalogue import all_sources, sources_named
from penstock.quotes.fetch import QuoteEngine
from penstock.settings import Settings

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What an installation has, that all of this stands on.

    `program` are the database's lanes for what is done for everybody (db/wall.py).
    """

    settings: Settings
    clock: Clock
    sleep: Sleep
    program: Database
    outbound: Outbound


@dataclass(frozen=True, slots=True)
class Markets:
    """All that has to do with prices in a running installation."""

    quotes: QuoteEngine


def open_markets(ground: Ground) -> Markets:
    """Put it together. Raises InvalidInput where the settings name what there is not."""
    return Markets(quotes=_quotes(ground))


def _quotes(ground: Ground) -> QuoteEngine:
    chosen = sources_named(ground.settings.quote_sources)
    return QuoteEngine(
        chosen,
        partial(ground.outbound.send, connector="quotes"),
        clock=ground.clock,
        disabled=[source for source in all_sources() if source not in chosen],
        sleep=ground.sleep,
    )
