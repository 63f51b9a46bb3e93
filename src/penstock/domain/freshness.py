"""How fresh a connection is, said so that nothing stale ever looks green."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from penstock.domain.consent import ConsentState

_OPEN = frozenset({ConsentState.ACTIVE, ConsentState.EXPIRING})


class FreshnessState(StrEnum):
    """What the age of the last success means.

    FRESH: the last sync went well, not long ago. STALE: it went well, but long ago, or the
    connection was disconnected. NEVER: nothing was read yet. FAILING: the last sync did not go
    well, or the consent has ended; what is shown is as old as it says. IMPORTED: it is made of
    files, and as old as the last of them; nobody is asked for more.
    """

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"
    FAILING = "failing"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Freshness:
    """When all was last read well, and what that means now."""

    state: FreshnessState
    last_success_at: datetime | None
    age: timedelta | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a connection. `failures` are those in a row since the last success.

    One that is made of `files` has no bank that is asked.
    """

    consent: ConsentState
    consent_expires_at: datetime | None
    connected: bool
    failures: int
    last_success_at: datetime | None
    files: bool = False


def consent_holds(standing: Standing, now: datetime) -> bool:
    """Say whether the person's consent still lets us in, as far as we know."""
    ends = standing.consent_expires_at
    return standing.consent in _OPEN and (ends is None or ends > now)


def freshness(standing: Standing, *, now: datetime, every: timedelta) -> Freshness:
    """Say how fresh a connection is that is synced `every` so often; two missed turns are stale."""
    last = standing.last_success_at
    age = max(now - last, timedelta(0)) if last else None
    return Freshness(_state(standing, age, now, every), last, age)


def _state(
    standing: Standing, age: timedelta | None, now: datetime, every: timedelta
) -> FreshnessState:
    if standing.files and standing.connected:
        return FreshnessState.NEVER if age is None else FreshnessState.IMPORTED
    if standing.connected and (standing.failures or not consent_holds(standing, now)):
        return FreshnessState.FAILING
    if age is None:
        return FreshnessState.NEVER
    if not standing.connected or age > 2 * every:
        return FreshnessState.STALE
    return FreshnessState.FRESH
