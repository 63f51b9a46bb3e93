"""Where prices come from."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import breakers, budgets, price_turns
from penstock.db.breakers import QUOTES
from penstock.db.lane import Database
from penstock.domain.breaker import BreakerState
from penstock.domain.budget import free_at, left
from penstock.domain.errors import InvalidInput
from penstock.markets import sources_of
from penstock.quotes.standing import Known, Standing
from penstock.settings import Settings

_MOST: Final = 50


def checks(settings: Settings) -> Iterator[Check]:
    """Say which sources of prices are in use, which are switched off, and what is broken."""
    try:
        known = sources_of(settings).all()
    except InvalidInput as error:
        remedy = error.remedy.text if error.remedy else ""
        yield fail("prices", error.message, f"Mend PENSTOCK_QUOTE_SOURCES. {remedy}".strip())
        return
    yield _used(known)
    for one in known:
        if one.standing is Standing.BROKEN:
            yield _broken(one, named=one.id in settings.quote_sources)
        if one.standing is Standing.NEEDS_KEY:
            found = f"the source {one.id} is not used: it wants a key"
            yield warn("prices", found, f"Set {', '.join(one.missing)}.")


def standing_checks(database: Database, *, now: datetime) -> Iterator[Check]:
    """Say which sources may not be asked at this moment, and until when."""
    for row in database.read_now(budgets.busy, now=now):
        if row.connector == QUOTES and left(row.limit, row.standing, now) == 0:
            until = free_at(row.limit, row.standing, now)
            closed = row.standing.told_until is not None and row.standing.told_until > now
            what = "asked to be left alone" if closed else "has no calls left today"
            found = f"{row.endpoint} {what}, at most until {until:%Y-%m-%d %H:%M} UTC"
            yield warn("prices", found, "Nothing; it is asked again by itself.")
    for one in database.read_now(breakers.unwell):
        if one.connector == QUOTES and one.breaker.state(now) is not BreakerState.CLOSED:
            found = f"{one.institution} did not answer several times in a row"
            yield warn("prices", found, "Nothing; it is asked again by itself.")


def held_checks(database: Database) -> Iterator[Check]:
    """Say of what somebody holds that it has no new price, and why."""
    found = database.read_now(price_turns.unpriced)
    for one in found[:_MOST]:
        known = one.known
        last = (
            f"the last one is of {known.price_as_of:%Y-%m-%d}" if known.price_as_of else "none yet"
        )
        why = (known.last_code or "").replace("_", " ")
        again = f"it is asked for again at {one.due.at:%Y-%m-%d %H:%M} UTC"
        remedy = f"`penstock quote {one.instrument}` says more."
        yield warn("prices", f"{one.instrument}: {why}; {last}; {again}", remedy)
    if len(found) > _MOST:
        more = f"{len(found) - _MOST} more that are held have no new price"
        yield warn("prices", more, "Mend what is named first, and look again.")


def _used(known: list[Known]) -> Check:
    used = _names(known, Standing.IN_USE)
    if not used:
        remedy = "Name some in PENSTOCK_QUOTE_SOURCES, if you want prices."
        return warn("prices", "no source is in use", remedy)
    off = _names(known, Standing.SWITCHED_OFF)
    return ok("prices", f"in use: {used}{f'; switched off: {off}' if off else ''}")


def _names(known: list[Known], standing: Standing) -> str:
    return ", ".join(one.id for one in known if one.standing is standing)


def _broken(one: Known, *, named: bool) -> Check:
    found = f"the source {one.id} is not used: {one.why}"
    remedy = "Mend its file, and look again with `penstock sources check FILE`."
    return fail("prices", found, remedy) if named else warn("prices", found, remedy)
