"""Puts together what has to do with prices: the quote engine, and what it needs of the database.

Beside wiring.py, which calls it: who adds something that prices, converts or values adds it here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.outbound.client import Outbound
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.own_terms import Terms
from penstock.quotes.standing import Sources, shipped_ids, sources_in
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

    sources: Sources
    quotes: QuoteEngine


def open_markets(ground: Ground) -> Markets:
    """Put it together. Raises InvalidInput where the settings name what there is not."""
    sources = sources_of(ground.settings)
    return Markets(sources=sources, quotes=_quotes(ground, sources))


def sources_of(settings: Settings) -> Sources:
    """Return the sources of an installation. Raises InvalidInput for a name that none has."""
    return sources_in(settings.sources, settings.quote_sources, terms_of(settings))


def terms_of(settings: Settings) -> Terms:
    """Return what a source that a person adds may not do."""
    return Terms(taken=shipped_ids(), allowed=settings.loopback_providers)


def _quotes(ground: Ground, sources: Sources) -> QuoteEngine:
    return QuoteEngine(
        sources.used,
        partial(ground.outbound.send, connector="quotes"),
        clock=ground.clock,
        disabled=sources.disabled,
        sleep=ground.sleep,
    )
