"""The institutions: which can be linked here, and how those stand that are."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import connections
from penstock.db.connections import ConnectionRow
from penstock.db.lane import Database
from penstock.db.users import users
from penstock.domain.consent import ConsentState
from penstock.domain.freshness import FreshnessState, Standing, freshness
from penstock.domain.ids import public_id
from penstock.domain.imported import FILES
from penstock.domain.option import variable
from penstock.domain.remedy import RemedyKind
from penstock.settings import Settings
from penstock.wiring import connectors_of

_MOST = 1000


def connector_checks(settings: Settings) -> Iterator[Check]:
    """Say which connectors are ready, and what those lack that somebody has begun to set up."""
    for connector in connectors_of(settings).values():
        missing = ", ".join(map(variable, connector.missing_settings))
        if missing and not _is_begun(settings, connector.name):
            yield ok("connector", f"{connector.name} is not set up, which it need not be")
        elif missing:
            remedy = f"To use it, set {missing}; you get them at {connector.keys_url}."
            yield warn("connector", f"{connector.name} is not set up", remedy)
        else:
            yield ok("connector", f"{connector.name} is ready")


def _is_begun(settings: Settings, name: str) -> bool:
    return any(option.startswith(f"{name}_") for option in settings.provider_options)


def connection_checks(settings: Settings, database: Database, *, now: datetime) -> Iterator[Check]:
    """Look at everybody's live connections. The database is readable and at the newest schema."""
    every = timedelta(minutes=settings.sync_every_minutes)
    for row in database.read_now(_live):
        yield connection(row, now=now, every=every)


def connection(row: ConnectionRow, *, now: datetime, every: timedelta) -> Check:
    """Look at one connection: what does not read, or has not for long, is never green."""
    standing = Standing(
        consent=row.consent,
        consent_expires_at=row.consent_expires_at,
        connected=row.disconnected_at is None,
        failures=row.failures,
        last_success_at=row.last_success_at,
        files=row.connector == FILES,
    )
    fresh = freshness(standing, now=now, every=every)
    name = f"{public_id('con', row.id)} {row.label or row.institution_name or row.connector}"
    last = f"last read well {row.last_success_at:%Y-%m-%d %H:%M}" if row.last_success_at else ""
    found = ": ".join(filter(None, [name, fresh.state.value, last or "never read yet"]))
    match fresh.state:
        case FreshnessState.FAILING if row.remedy_kind == RemedyKind.WAIT:
            return warn("connection", found, row.remedy_text or "")
        case FreshnessState.FAILING:
            return fail("connection", found, row.remedy_text or _renew(row))
        case FreshnessState.STALE | FreshnessState.NEVER if row.connector != FILES:
            remedy = f"Run `penstock sync {public_id('con', row.id)}`, or keep `penstock serve` up."
            return warn("connection", found, remedy)
        case FreshnessState.FRESH if row.paused_at is not None:
            remedy = f"`penstock sync {public_id('con', row.id)}` starts it again."
            return warn("connection", f"{found}; it rests, for a sync was undone", remedy)
        case FreshnessState.FRESH if row.consent is ConsentState.EXPIRING:
            return warn("connection", f"{found}; the consent ends soon", _renew(row))
        case _:
            return ok("connection", found)


def _renew(row: ConnectionRow) -> str:
    return f"Renew it: `penstock connect --renew {public_id('con', row.id)}`."


def _live(connection: sa.Connection) -> list[ConnectionRow]:
    owners = connection.execute(sa.select(users.c.id).order_by(users.c.id)).scalars().all()
    rows = (connections.page(connection, owner_id=one, limit=_MOST) for one in owners)
    return [row for page in rows for row in page if row.disconnected_at is None]
