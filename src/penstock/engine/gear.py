"""What syncs need, and what one run asks the bank with: its driver, its tokens, its meter."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from penstock.db.connections import ConnectionRow
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.clock import Clock
from penstock.domain.protocol import Connector, SenderFor
from penstock.engine.drive import Driver, Limits, Sleep
from penstock.engine.known import Known
from penstock.engine.meter import Meters
from penstock.engine.opening import Bounds
from penstock.engine.recognise import Fingerprint
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.seal import Seals
from penstock.engine.turnstile import Turnstile, Unmetered
from penstock.oauth.proving import Proving
from penstock.observe.metrics import Metrics

HookUrl = Callable[[str, int], str | None]
"""Gives the address for the webhooks of a connector's connection; None where nobody reaches us."""


@dataclass(frozen=True, slots=True)
class Gear:
    """Everything that the syncs of a program need."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    fingerprint: Fingerprint
    send_for: SenderFor
    metrics: Metrics
    clock: Clock
    sleep: Sleep = asyncio.sleep
    limits: Limits = field(default_factory=Limits)
    meters: Meters | None = None
    every: timedelta = timedelta(hours=6)
    lease_time: timedelta = timedelta(seconds=12)
    bounds: Bounds = field(default_factory=Bounds)
    random: Callable[[], float] = random.random
    hook_url: HookUrl = lambda *_: None
    link_twice: bool = False
    proving: Proving = field(default_factory=Proving)


def driver_of(
    gear: Gear,
    connection: ConnectionRow,
    connector: Connector,
    run_id: int,
    tally: Tally,
    known: Known,
) -> Driver:
    """Make the driver of a run."""
    meter = _meter(gear, connection, connector, run_id, tally)
    tokens = ConnectionTokens(
        connection_id=connection.id,
        owner_id=connection.owner_id,
        connector=connector,
        database=gear.database,
        seals=gear.seals,
        send=gear.send_for(connector.name),
        metrics=gear.metrics,
        tally=tally,
        clock=gear.clock,
        sleep=gear.sleep,
        meter=meter,
        claim_time=gear.lease_time,
        known=known.credentials,
        proving=gear.proving,
    )
    return Driver(
        connector=connector,
        send=gear.send_for(connector.name),
        tokens=tokens,
        tally=tally,
        metrics=gear.metrics,
        clock=gear.clock,
        sleep=gear.sleep,
        random=gear.random,
        limits=gear.limits,
        meter=meter,
        proving=gear.proving,
    )


def _meter(
    gear: Gear, connection: ConnectionRow, connector: Connector, run_id: int, tally: Tally
) -> Turnstile:
    if gear.meters is None:
        return Unmetered()
    institution = connection.institution_id or ""
    return gear.meters.of_run(connector, connection.id, institution, f"{run_id}", tally)
