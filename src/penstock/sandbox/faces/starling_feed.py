"""A world's rows as items of Starling's feed: unsigned, with a direction, and one id for life."""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from penstock.domain.currency import minor_digits
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.history import MOST_LAG
from penstock.sandbox.world import World

LONDON = ZoneInfo("Europe/London")
_NAMES = UUID("6f7e0a52-6f0c-4d3a-9d2b-3c8f6f9d1e77")


def uid(name: str) -> str:
    """Return the UUID that stands for one of the world's own ids."""
    return str(uuid5(_NAMES, name))


def money(amount: Decimal, currency: str) -> dict[str, object]:
    """Return an amount in minor units, with its sign."""
    return {"currency": currency, "minorUnits": int(amount.scaleb(minor_digits(currency)))}


def feed_items(
    world: World, account: str, category: str, since: datetime
) -> Iterator[dict[str, object]]:
    """Yield what was created or updated since an instant on one of the world's accounts."""
    for index in range(_first_row(world, since), world.history.size):
        if index not in world.touched:
            row = world.history.row(index)
            updated = _noon(row.booked_on or row.authorized_on or world.plan.first_day)
            if row.account == account and updated >= since:
                yield _item(row, category, updated, world.today)
    settled = {change.row.pending_external_id for change in world.log.after(0)}
    for change in world.log.after(0):
        row = change.row
        unsaid = change.silently or (change.gone and row.external_id in settled)
        if row.account == account and change.at >= since and not unsaid:
            item = _item(row, category, change.at, world.today)
            yield {**item, "status": "REVERSED"} if change.gone else item


def _first_row(world: World, since: datetime) -> int:
    """Return a row of the history before which nothing is new enough."""
    days = (since.date() - world.plan.first_day).days - MOST_LAG - 1
    return max(0, min(world.history.size, days * world.history.size // world.plan.days))


def _item(row: TransactionSeen, category: str, updated: datetime, today: date) -> dict[str, object]:
    """Return one row; an item keeps the id under which it was first seen."""
    original = row.original_amount if row.original_amount is not None else row.amount
    item: dict[str, object] = {
        "feedItemUid": uid(row.pending_external_id or row.external_id),
        "categoryUid": category,
        "amount": money(abs(row.amount), row.currency),
        "sourceAmount": money(abs(original), row.original_currency or row.currency),
        "direction": "OUT" if row.amount < 0 else "IN",
        "updatedAt": _instant(updated),
        "transactionTime": _instant(_noon(row.authorized_on or today)),
        "source": "MASTER_CARD" if row.reference is None else "FASTER_PAYMENTS_OUT",
        "status": "SETTLED",
        "counterPartyType": "MERCHANT",
        "counterPartyName": row.counterparty or row.description,
        "reference": row.description,
        "country": "GB",
        "spendingCategory": (row.category or "general").upper().replace(" ", "_"),
    }
    if row.status is Status.POSTED and row.booked_on is not None:
        item["settlementTime"] = _instant(_noon(row.booked_on))
    elif row.booked_on is not None and row.booked_on > today:
        item["status"] = "UPCOMING"
        item["transactionTime"] = _instant(_noon(row.booked_on))
    else:
        item["status"] = "PENDING"
    return item


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), LONDON)


def _instant(at: datetime) -> str:
    utc = at.astimezone(ZoneInfo("UTC"))
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
