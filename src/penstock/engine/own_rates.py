"""Exchange rates that an admin sets, for everybody here, where nobody publishes any."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from penstock.db import net_worth, rates
from penstock.db.audit import AuditLog
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.pegs import FIXED
from penstock.domain.rate import EURO, MINOR_UNITS, Stated
from penstock.domain.remedy import ask_person


def put(
    connection: sa.Connection, audit: AuditLog, stated: Stated, *, user_id: int, now: datetime
) -> Decimal | None:
    """Set what one euro costs in a currency from a day on; return what was set before, if anything.

    Raises InvalidInput for what can be no rate, a day to come, and money whose rate is fixed.
    """
    _check_currency(stated)
    if stated.day > now.date() + timedelta(days=1):
        raise InvalidInput(f"{stated.day} is yet to come: a rate holds from a day that is here.")
    before = rates.set_own(connection, stated.day, stated.currency, stated.rate, now=now)
    facts = {"day": str(stated.day), "rate": format(stated.rate, "f")}
    if before is not None:
        facts["before"] = format(before, "f")
    event = AuditEvent(AuditKind.RATE_SET, user_id, stated.currency, facts)
    audit.record(connection, event, now=now)
    return before


def take_back(
    connection: sa.Connection,
    audit: AuditLog,
    currency: str,
    day: date,
    *,
    user_id: int,
    now: datetime,
) -> Decimal:
    """Delete what was set; return what it was. Raises NotFound where nothing was set."""
    before = rates.remove_own(connection, day, currency)
    if before is None:
        raise NotFound(f"Nobody set a rate for {currency} of {day}.")
    net_worth.forget_of_all(connection, since=day)
    facts = {"day": str(day), "before": format(before, "f")}
    event = AuditEvent(AuditKind.RATE_REMOVED, user_id, currency, facts)
    audit.record(connection, event, now=now)
    return before


def _check_currency(stated: Stated) -> None:
    code = stated.currency
    if code == EURO:
        raise InvalidInput("A rate is what one euro costs: the euro has none itself.")
    if code in MINOR_UNITS:
        whole = MINOR_UNITS[code]
        raise InvalidInput(
            f"{code} is always a hundredth of {whole}.", remedy=ask_person(f"Set {whole}.")
        )
    fixed = FIXED.get(code)
    if fixed and fixed.replaced and stated.day >= fixed.since:
        raise InvalidInput(
            f"The euro replaced {code} on {fixed.since}, at {fixed.units} for ever ({fixed.law})."
        )
