"""How a connection stands: how fresh it is, what waits for somebody, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from penstock.api.running import Installation
from penstock.api.schemas import Moment, Outgoing, Remedy, remedy
from penstock.db import accounts, quarantine, suggestions
from penstock.db.connections import ConnectionRow
from penstock.domain.consent import warned
from penstock.domain.freshness import FreshnessState, Standing, consent_holds, freshness
from penstock.domain.ids import public_id
from penstock.domain.imported import FILES
from penstock.domain.remedy import RemedyKind, unreadable


class Freshness(Outgoing):
    """How old what is shown is, and what that means. Anything but `fresh` has a reason."""

    state: Annotated[FreshnessState, Field(examples=["fresh"])]
    last_success_at: Moment | None
    age_seconds: Annotated[int | None, Field(examples=[120])]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the owner's connections have, by their numbers; none is not listed."""

    accounts: Mapping[int, int]
    quarantined: Mapping[int, int]
    suggestions: Mapping[int, int]


def count(connection: sa.Connection, *, owner_id: int) -> Counted:
    """Count accounts, open quarantine and open suggestions of each of the owner's connections."""
    return Counted(
        accounts.count_by_connection(connection, owner_id=owner_id),
        quarantine.count_by_connection(connection, owner_id=owner_id),
        suggestions.count_by_connection(connection, owner_id=owner_id),
    )


def freshness_of(row: ConnectionRow, running: Installation) -> Freshness:
    """Return how fresh a connection is now."""
    every = timedelta(minutes=running.settings.sync_every_minutes)
    found = freshness(_standing(row), now=running.clock(), every=every)
    return Freshness(
        state=found.state,
        last_success_at=found.last_success_at,
        age_seconds=None if found.age is None else int(found.age.total_seconds()),
    )


def remedy_of(row: ConnectionRow, quarantined: int, now: datetime) -> Remedy | None:
    """Return what to do: as the last sync left it, or what has become plain since.

    Rows that could not be read are spoken of where nothing else is wrong: all of it is never green.
    """
    if row.disconnected_at is not None:
        return _ask("It was disconnected. Link the institution again: `penstock connect`.")
    if not consent_holds(_standing(row), now):
        stored = remedy(row.remedy_kind, row.remedy_text, row.not_before)
        return stored or _ask("The consent has ended. Renew it: `penstock connect --renew ID`.")
    if row.paused_at is not None:
        again = f"`penstock sync {public_id('con', row.id)}` starts it again."
        return _ask(f"It rests, because its latest sync was undone: {again}")
    if row.remedy_kind is None and warned(row.consent_expires_at, now) is not None:
        return _ask(
            f"The consent ends on {row.consent_expires_at:%Y-%m-%d}. Renew it before: "
            "`penstock connect NAME --renew ID`."
        )
    if row.remedy_kind is None and quarantined:
        what = unreadable(quarantined)
        return Remedy(kind=what.kind, text=what.text, until=None)
    return remedy(row.remedy_kind, row.remedy_text, row.not_before)


def _ask(text: str) -> Remedy:
    return Remedy(kind=RemedyKind.ASK_PERSON, text=text, until=None)


def _standing(row: ConnectionRow) -> Standing:
    return Standing(
        consent=row.consent,
        consent_expires_at=row.consent_expires_at,
        connected=row.disconnected_at is None,
        failures=row.failures,
        last_success_at=row.last_success_at,
        files=row.connector == FILES,
    )
