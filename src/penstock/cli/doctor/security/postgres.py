"""The database itself: its clock (T3), the way to it (K4), and its own wall between people (X1)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, attention, failed, named, ok
from penstock.cli.door import is_loopback
from penstock.db import wall
from penstock.db.sessions import sessions

_APART: Final = timedelta(seconds=30)
_PROVEN: Final = frozenset({"verify-full", "verify-ca"})
_CLOCK: Final = "Let both machines keep their time by NTP: tokens and codes depend on it."


def clock(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """T3: this machine and the database agree on the time, and nothing stored is of tomorrow."""
    if connection.dialect.name == "postgresql":
        there = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        yield apart(there, around.now, "the database")
    last = connection.execute(sa.select(sa.func.max(sessions.c.used_at))).scalar_one()
    if last is not None and last > around.now + _APART:
        yield failed(f"a session was used at {last:%Y-%m-%d %H:%M} UTC, which is to come", _CLOCK)
    else:
        yield ok(f"it is {around.now:%Y-%m-%d %H:%M} UTC, and nothing stored is later")


def apart(there: datetime, here: datetime, whose: str) -> Finding:
    """T3: two clocks differ by less than half a minute."""
    seconds = abs(there - here).total_seconds()
    if abs(there - here) > _APART:
        return failed(f"the clock of {whose} is {seconds:,.0f} s from ours", _CLOCK)
    return ok(f"the clock of {whose} is {seconds:.0f} s from ours")


def way(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K4: nobody on the way to the database reads along."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        mode = driver.info.get_parameters().get("sslmode", "prefer")
        yield safe_way(driver.info.host, mode, is_encrypted=driver.pgconn.ssl_in_use, around=around)


def safe_way(host: str, mode: str, *, is_encrypted: bool, around: Around) -> Finding:
    """K4: a server elsewhere is reached by TLS, and proves who it is."""
    if not host or host.startswith("/") or is_loopback(host):
        return ok("the database is on this machine")
    remedy = "Add ?sslmode=verify-full to PENSTOCK_DATABASE_URL (and sslrootcert, for your own CA)."
    if not is_encrypted:
        found = f"all that is stored crosses the network to {host} in the clear"
        return failed(found, remedy) if around.strict else attention(found, remedy)
    if mode not in _PROVEN:
        return attention(f"anybody could pose as {host}: sslmode is {mode}", remedy)
    return ok(f"{host} is reached by TLS ({mode})")


def role(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """X1: the role that we are is bound by the rows' own policies."""
    if connection.dialect.name != "postgresql":
        yield ok("SQLite: each query names the owner; the file has no second wall, and one reader")
        return
    why = wall.passes(connection)
    if why is not None:
        found = f"{why}: the rows' own policies do not bind it"
        remedy = "Connect as a role of its own (docs/how-to/postgresql.md)."
        yield failed(found, remedy) if around.strict else attention(found, remedy)
    else:
        yield ok("the role that we are is bound by the rows' own policies")
    unguarded = wall.gaps(connection)
    if unguarded:
        remedy = "Restore the last backup: somebody changed the tables by hand."
        yield failed(f"no policy is in force on {named(unguarded)}", remedy)
    else:
        yield ok("every table with an owner has a policy in force")
