"""Settings in, a running Penstock out. The one place that knows everybody."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from penstock import connectors as registry
from penstock.db import states
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.domain.caps import read_caps
from penstock.domain.clock import Clock, utc_now
from penstock.domain.errors import InvalidInput
from penstock.domain.limit import Limit, read_rates
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Connector, Sender
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.engine.bait import Bait
from penstock.engine.drive import Limits, Sleep
from penstock.engine.forget import Forgetter
from penstock.engine.health import Health
from penstock.engine.hooks import Inbox
from penstock.engine.importing import Importer
from penstock.engine.ledger import SharedLedger
from penstock.engine.limits_seen import limits_seen
from penstock.engine.link import Linker
from penstock.engine.meter import Meters
from penstock.engine.notices import Listener, Notifier
from penstock.engine.opening import Bounds
from penstock.engine.price_count import CountedQuotes
from penstock.engine.rates import RateKeeper
from penstock.engine.replay import Replayer
from penstock.engine.revoking import Revoker
from penstock.engine.runner import Runner
from penstock.engine.seal import Seals
from penstock.engine.subscribing import hook_url
from penstock.engine.sync import Syncer
from penstock.engine.unlock import Vault
from penstock.engine.worth import Valuer
from penstock.identity.authorization import Authorization
from penstock.identity.decoys import Decoys
from penstock.identity.dpop import Proofs
from penstock.identity.identity import Identity
from penstock.identity.passwords import COST, Passwords
from penstock.markets import Ground, Markets, open_markets
from penstock.oauth.proving import Proving
from penstock.observe.metrics import Metrics
from penstock.observe.trace import traced
from penstock.outbound.certificate import showing
from penstock.outbound.client import Outbound
from penstock.outbound.notify import notify, scheme_of
from penstock.quotes.standing import Sources
from penstock.settings import Profile, Settings
from penstock.store import open_store
from penstock.vault.cipher import Cipher
from penstock.vault.hashing import KeyedHash
from penstock.vault.key import Key

_BAIT: Final = "simplefin"  # what it hands out is an address: a decoy's can be one of ours


@dataclass(frozen=True, slots=True)
class Timing:
    """What time it is, how to let it pass, and how much of it a password takes."""

    clock: Clock
    sleep: Sleep
    cost: int


@dataclass(frozen=True, slots=True)
class Penstock:
    """A running installation."""

    settings: Settings
    clock: Clock
    database: Database
    metrics: Metrics
    cipher: Cipher
    audit: AuditLog
    decoys: Decoys
    connectors: Mapping[str, Connector]
    identity: Identity
    authorization: Authorization
    proofs: Proofs
    linker: Linker
    syncer: Syncer
    meters: Meters
    forgetter: Forgetter
    revoker: Revoker
    replayer: Replayer
    importer: Importer
    runner: Runner
    inbox: Inbox
    notifier: Notifier
    quotes: CountedQuotes
    sources: Sources
    valuer: Valuer
    rates: RateKeeper
    markets: Markets


@contextlib.asynccontextmanager
async def open_penstock(
    settings: Settings, *, clock: Clock = utc_now, sleep: Sleep = asyncio.sleep, cost: int = COST
) -> AsyncIterator[Penstock]:
    """Open an installation; close it, letting running syncs end, when the context is left."""
    database, vault = open_store(settings, clock)
    metrics = Metrics()
    timing = Timing(clock, sleep, cost)
    async with (
        database,
        _telemetry(settings, metrics),
        Outbound(
            allow=_own_destinations(settings), metrics=metrics, showing=_shown(settings)
        ) as outbound,
    ):
        penstock = _assemble(settings, timing, database, vault, metrics, outbound)
        metrics.watch(partial(database.read_now, states.read, now=clock))
        metrics.watch_limits(partial(database.read_now, limits_seen, clock=clock))
        try:
            yield penstock
        finally:
            await penstock.runner.stop()
            penstock.identity.close()


def _telemetry(
    settings: Settings, metrics: Metrics
) -> contextlib.AbstractAsyncContextManager[None]:
    """Send traces and metrics where the operator says. Raises InvalidInput without the extra."""
    if settings.otlp_endpoint is None:
        return contextlib.nullcontext()
    try:
        from penstock.observe.otlp import exporting  # noqa: PLC0415 - the extra `otel`
    except ImportError:
        raise InvalidInput(
            "PENSTOCK_OTLP_ENDPOINT needs OpenTelemetry, which is not installed.",
            remedy=fix_code("Install the extra: `penstock[otel]`."),
        ) from None
    return exporting(str(settings.otlp_endpoint), metrics, version=version("penstock"))


def connectors_of(settings: Settings, clock: Clock = utc_now) -> Mapping[str, Connector]:
    """Return every connector as these settings make it, ready or not."""
    return registry.build(_options(settings), clock)


def rates_of(settings: Settings, connectors: Mapping[str, Connector]) -> Mapping[str, Limit]:
    """Return the operator's rates. Raises InvalidInput for one that cannot be read or kept."""
    rates = read_rates(settings.provider_rates)
    for name in rates.keys() - connectors.keys():
        known = ", ".join(connectors)
        raise InvalidInput(f"PENSTOCK_PROVIDER_RATES names {name!r}; there are: {known}.")
    return rates


def caps_of(settings: Settings, connectors: Mapping[str, Connector]) -> Mapping[str, int]:
    """Return the operator's caps. Raises InvalidInput for one that cannot be read or kept."""
    caps = read_caps(settings.provider_caps)
    for name in caps.keys() - connectors.keys():
        known = ", ".join(connectors)
        raise InvalidInput(f"PENSTOCK_PROVIDER_CAPS names {name!r}; there are: {known}.")
    return caps


def _assemble(
    settings: Settings,
    timing: Timing,
    database: Database,
    vault: Vault,
    metrics: Metrics,
    outbound: Outbound,
) -> Penstock:
    key, cipher, clock = vault.root, vault.cipher, timing.clock
    audit = AuditLog(cipher)
    program = database.program  # what works for everybody at once is bound to nobody
    seals = Seals(cipher)
    connectors = connectors_of(settings, timing.clock)
    metrics.expect(connectors, [one.value for one in Outcome])

    def send_for(name: str) -> Sender:
        return traced(partial(outbound.send, connector=name), name)

    proving, state = Proving(timing.clock), KeyedHash(key, "link state")
    meters = Meters(
        database=program,
        ledger=SharedLedger(program, timing.clock),
        health=Health(program, timing.clock),
        metrics=metrics,
        clock=timing.clock,
        sleep=timing.sleep,
        patience=settings.wait_at_most_seconds,
        rates=rates_of(settings, connectors),
    )
    syncer = Syncer(
        database=program,
        connectors=connectors,
        seals=seals,
        fingerprint=KeyedHash(key, "account identity"),
        send_for=send_for,
        metrics=metrics,
        clock=timing.clock,
        sleep=timing.sleep,
        limits=Limits(wait_at_most=settings.wait_at_most_seconds),
        meters=meters,
        every=timedelta(minutes=settings.sync_every_minutes),
        bounds=Bounds(caps_of(settings, connectors)),
        link_twice=settings.link_twice,
        proving=proving,
        hook_url=hook_url(str(settings.public_url) if settings.public_url else None),
    )
    ground = (settings, timing.clock, timing.sleep, program, outbound, metrics)
    markets = open_markets(Ground(*ground, database, connectors))
    bait = Bait(seals, _BAIT, str(settings.public_url or "") or None)
    decoys = Decoys(program, audit, clock, metrics.decoy_touched, bait)
    issuer = str(settings.public_url or "penstock").rstrip("/")
    pepper, of = key.derive("passwords"), (program, cipher, clock)
    words = Passwords(pepper, cost=timing.cost)
    identity = Identity(
        *of, pepper=pepper, issuer=issuer, passwords=words, audit=audit, decoys=decoys
    )
    return Penstock(
        settings=settings,
        clock=clock,
        database=database,
        metrics=metrics,
        cipher=cipher,
        audit=audit,
        decoys=decoys,
        connectors=connectors,
        identity=identity,
        authorization=Authorization.over(program, identity, audit, clock),
        proofs=Proofs(program, clock, key.derive("dpop nonces"), nonces=settings.dpop_nonces),
        linker=Linker(database, connectors, seals, state, send_for, clock, audit, proving),
        revoker=Revoker(database, connectors, seals, send_for, timing.clock, proving),
        syncer=syncer,
        meters=meters,
        forgetter=Forgetter(database, connectors, seals, send_for, clock, audit, proving),
        replayer=Replayer(database, connectors, timing.clock),
        importer=Importer(database, KeyedHash(key, "account identity"), timing.clock),
        runner=Runner(
            syncer,
            program,
            timing.clock,
            at_once=settings.sync_at_once,
            # On SQLite there are no workers: what a person asks for is synced here in any case.
            carries=settings.worker or database.kind == "sqlite",
        ),
        inbox=Inbox(program, connectors, seals, send_for, metrics, timing.clock),
        notifier=_notifier(settings, timing, program, key),
        quotes=markets.quotes,
        sources=markets.sources,
        valuer=markets.valuer,
        rates=markets.rates,
        markets=markets,
    )


def _notifier(settings: Settings, timing: Timing, database: Database, key: Key) -> Notifier:
    mark = KeyedHash(key, "notice target")
    written = settings.notify.get_secret_value().split() if settings.notify else []
    addresses = [Secret(one) for one in dict.fromkeys(written)]
    named = {f"{scheme_of(one)} {mark(one.reveal())[:8]}": one for one in addresses}
    return Notifier(
        database=database,
        listeners=[Listener(target, address) for target, address in named.items()],
        tell=notify,
        clock=timing.clock,
        every=timedelta(minutes=settings.sync_every_minutes),
        new_rows=settings.notify_new,
    )


def _options(settings: Settings) -> Mapping[str, Secret]:
    """Return what connectors are told. In production the sandbox bank is never asked."""
    sandbox = settings.sandbox_url if settings.profile is not Profile.PRODUCTION else None
    given = {name: value.get_secret_value() for name, value in settings.provider_options.items()}
    given |= {"sandbox_url": str(sandbox or ""), "sandbox_client_id": settings.sandbox_client_id}
    return {name: Secret(text) for name, text in given.items()}


def _shown(settings: Settings) -> Mapping[str, ssl.SSLContext]:
    """Return how connectors show their certificates. Raises InvalidInput."""
    found = registry.certificates(_options(settings))
    return {name: showing(certificate, key) for name, certificate, key in found}


def _own_destinations(settings: Settings) -> list[str]:
    """Name the hosts that the operator set: they alone may be on this machine or a private net."""
    parts = map(urlsplit, registry.addresses(_options(settings)))
    return [*settings.loopback_providers, *(one.netloc for one in parts if one.scheme == "http")]
