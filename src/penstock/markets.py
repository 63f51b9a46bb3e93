"""Puts together what has to do with prices: the quote engine, and what it needs of the database.

Beside wiring.py, which calls it: who adds something that prices, converts or values adds it here.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from penstock.connectors import NAMES
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.domain.protocol import Connector
from penstock.domain.secret import Secret
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.price import Pricer
from penstock.engine.price_count import CountedQuotes
from penstock.engine.price_gate import PriceGate
from penstock.engine.price_history import Backfiller
from penstock.engine.price_memory import Believed, KeptAnswers
from penstock.engine.price_splits import KnownSplits
from penstock.engine.rates import RateKeeper
from penstock.engine.worth import Valuer
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from penstock.quotes.asking import Asker
from penstock.quotes.fetch import PATIENCE, QuoteEngine
from penstock.quotes.historian import Historian
from penstock.quotes.keys import Keys, keys_of
from penstock.quotes.own_terms import Terms
from penstock.quotes.reference_rates import EUROPEAN_CENTRAL_BANK
from penstock.quotes.standing import Sources, shipped_ids, sources_in
from penstock.settings import Settings

_log = logging.getLogger("penstock.markets")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What an installation has, that all of this stands on.

    `program` are the database's lanes for what is done for everybody (db/wall.py), `database` those
    for whoever asks.
    """

    settings: Settings
    clock: Clock
    sleep: Sleep
    program: Database
    outbound: Outbound
    metrics: Metrics
    database: Database
    connectors: Mapping[str, Connector]


@dataclass(frozen=True, slots=True)
class Markets:
    """All that has to do with prices in a running installation."""

    sources: Sources
    quotes: CountedQuotes
    gate: PriceGate
    answers: KeptAnswers
    believed: Believed
    valuer: Valuer
    rates: RateKeeper
    pricer: Pricer
    backfiller: Backfiller


def open_markets(ground: Ground) -> Markets:
    """Put it together. Raises InvalidInput where the settings name what there is not."""
    sources = sources_of(ground.settings)
    for one in sources.broken():
        _log.warning("quote_source_broken", extra={"source": one.id, "why": one.why})
    database, clock = ground.program, ground.clock
    gate = PriceGate(
        database=database,
        ledger=SharedLedger(database, clock),
        health=Health(database, clock),
        metrics=ground.metrics,
        clock=clock,
        sleep=ground.sleep,
        patience=timedelta(seconds=ground.settings.wait_at_most_seconds),
    )
    answers, believed = KeptAnswers(database, clock), Believed(database, clock)
    engine = QuoteEngine(
        sources.used,
        partial(ground.outbound.send, connector="quotes"),
        clock=clock,
        disabled=sources.disabled,
        gate=gate,
        answers=answers,
        accepted=believed,
        splits=KnownSplits(database),
        keys=_keys(ground, sources),
        sleep=ground.sleep,
    )
    quotes = CountedQuotes(engine, ground.metrics, clock)
    rates = _rates(ground, sources, gate)
    return Markets(
        sources=sources,
        quotes=quotes,
        gate=gate,
        answers=answers,
        believed=believed,
        valuer=_valuer(ground),
        rates=rates,
        pricer=_pricer(ground, sources, quotes, rates),
        backfiller=_backfiller(ground, sources, gate),
    )


def sources_of(settings: Settings) -> Sources:
    """Return the sources of an installation. Raises InvalidInput for a name that none has."""
    given = [name for name, value in settings.provider_options.items() if value]
    return sources_in(settings.sources, settings.quote_sources, terms_of(settings), given)


def terms_of(settings: Settings) -> Terms:
    """Return what a source that a person adds may not do."""
    return Terms(taken=shipped_ids(), allowed=settings.loopback_providers, others=NAMES)


def _keys(ground: Ground, sources: Sources) -> Keys:
    return keys_of([*sources.used, *sources.disabled], _options(ground.settings))


def _options(settings: Settings) -> Mapping[str, Secret]:
    """Return what was set by names that are no settings of the installation itself."""
    given = settings.provider_options
    return {name: Secret(value.get_secret_value()) for name, value in given.items()}


def _valuer(ground: Ground) -> Valuer:
    invested = {name: one.says.invested for name, one in ground.connectors.items()}
    return Valuer(ground.database, ground.clock, ZoneInfo(ground.settings.zone), invested)


def _rates(ground: Ground, sources: Sources, gate: PriceGate) -> RateKeeper:
    publisher = EUROPEAN_CENTRAL_BANK
    return RateKeeper(
        ground.program,
        publisher,
        partial(ground.outbound.send, connector="quotes"),
        gate,
        ground.clock,
        in_use=any(one.id == publisher.source for one in sources.used),
    )


def _pricer(ground: Ground, sources: Sources, quotes: CountedQuotes, rates: RateKeeper) -> Pricer:
    return Pricer(
        ground.program,
        quotes,
        rates,
        ground.clock,
        every=timedelta(minutes=ground.settings.price_every_minutes),
        fresh_for={one.id: timedelta(seconds=one.politeness.ttl) for one in sources.used},
    )


def _backfiller(ground: Ground, sources: Sources, gate: PriceGate) -> Backfiller:
    send = partial(ground.outbound.send, connector="quotes")
    keys = _keys(ground, sources)
    asker = Asker(send, gate, clock=ground.clock, keys=keys, patience=PATIENCE, yields=True)
    splits = KnownSplits(ground.program)
    return Backfiller(
        ground.program,
        Historian(sources.used, asker, splits, ground.clock, disabled=sources.disabled),
        ground.clock,
        scheduled=ground.settings.price_every_minutes > 0,
    )
