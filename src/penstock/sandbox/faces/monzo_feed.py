"""A world's rows as Monzo's transactions: oldest first, in whole coins, and one id for life."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from penstock.domain.currency import minor_digits
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.world import World

LONDON = ZoneInfo("Europe/London")
_NAMES = UUID("d3b0c6a2-52a5-4f0e-8a3c-0f7d0c1e9b55")
_ID = 18
_AN_HOUR = 3_600
_DECLINED_DAYS_AGO = 3


class Told(NamedTuple):
    """A row with the instant it was created and its id, in the order of which lists are told."""

    created: datetime
    uid: str
    row: TransactionSeen
    decline_reason: str = ""


def uid(kind: str, name: str) -> str:
    """Return the id, such as `acc_0000…`, that stands for one of the world's own."""
    return f"{kind}_0000{uuid5(_NAMES, name).hex[:_ID]}"


def minor(amount: Decimal, currency: str) -> int:
    """Return an amount in the currency's smallest coin."""
    return int(amount.scaleb(minor_digits(currency)))


def written(at: datetime) -> str:
    """Return an instant as the API writes it."""
    utc = at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def oldest_first(world: World, account: str) -> list[Told]:
    """Return the rows of one of the world's accounts, as they are listed, and one declined."""
    rows = [row for row in world.live() if row.account == account]
    told = [*_told(world, rows), *_declined(world, rows)]
    return sorted(told, key=lambda each: each[:2])


def transaction(told: Told, account: str, *, expanded: bool) -> dict[str, object]:
    """Return one row as the API writes it; `account` is its id there."""
    row = told.row
    settled = row.booked_on if row.status is Status.POSTED and not told.decline_reason else None
    local = row.original_amount if row.original_amount is not None else row.amount
    abroad = row.original_currency or row.currency
    pot = row.description == "To savings"
    content: dict[str, object] = {
        "id": told.uid,
        "created": written(told.created),
        "description": row.description,
        "amount": minor(row.amount, row.currency),
        "fees": {},
        "currency": row.currency,
        "merchant": _merchant(row, expanded=expanded),
        "notes": row.reference or "",
        "metadata": {"pot_id": uid("pot", "savings")} if pot else {},
        "labels": None,
        "account_balance": 0,
        "category": (row.category or "general").lower().replace(" ", "_"),
        "is_load": False,
        "settled": "" if settled is None else written(_noon(settled)),
        "local_amount": minor(local, abroad),
        "local_currency": abroad,
        "updated": written(told.created),
        "account_id": account,
        "counterparty": {"name": row.counterparty} if row.reference else {},
        "scheme": "uk_retail_pot" if pot else "mastercard",
        "originator": False,
        "include_in_spending": not pot,
        "amount_is_pending": settled is None,
    }
    return content | ({"decline_reason": told.decline_reason} if told.decline_reason else {})


def _merchant(row: TransactionSeen, *, expanded: bool) -> object:
    if row.counterparty is None or row.reference is not None:
        return None
    name = uid("merch", row.counterparty)
    return {"id": name, "name": row.counterparty, "emoji": "🛒"} if expanded else name


def _told(world: World, rows: list[TransactionSeen]) -> Iterator[Told]:
    """Yield rows with what they are listed by; a settled one keeps the id of when it was held."""
    for row in rows:
        name = row.pending_external_id or row.external_id
        day = row.authorized_on or row.booked_on or world.today
        seconds = uuid5(_NAMES, name).int % _AN_HOUR
        yield Told(_noon(day) + timedelta(seconds=seconds), uid("tx", name), row)


def _declined(world: World, rows: list[TransactionSeen]) -> Iterator[Told]:
    """Yield what somebody tried to buy, and could not: it is listed, and moved no money."""
    for row in rows[-1:]:
        tried = row._replace(status=Status.PENDING, description="Jeweller's", booked_on=None)
        at = _noon(world.today - timedelta(days=_DECLINED_DAYS_AGO))
        yield Told(at, uid("tx", f"{row.account}:declined"), tried, "INSUFFICIENT_FUNDS")


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), LONDON)
