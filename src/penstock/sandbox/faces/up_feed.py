"""A world's rows as Up's transactions: JSON:API resources, newest first, one id for life."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from penstock.domain.currency import minor_digits
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.world import World

MELBOURNE = ZoneInfo("Australia/Melbourne")
_NAMES = UUID("1b1d3c0e-7a54-4f53-9c5e-5a0b2f2f6d11")
_SECONDS = 3_600


class Told(NamedTuple):
    """A row with the instant it was created and its id: in this order lists are told, backwards."""

    created: datetime
    uid: str
    row: TransactionSeen


def uid(name: str) -> str:
    """Return the UUID that stands for one of the world's own ids."""
    return str(uuid5(_NAMES, name))


def money(amount: Decimal, currency: str) -> dict[str, object]:
    """Return an amount, written twice."""
    units = int(amount.scaleb(minor_digits(currency)))
    return {"currencyCode": currency, "value": f"{amount:f}", "valueInBaseUnits": units}


def newest_first(world: World, account: str) -> list[Told]:
    """Return the rows of one of the world's accounts, as they are listed."""
    rows = (row for row in world.live() if row.account == account)
    return sorted(_told(world, rows), key=lambda told: told[:2], reverse=True)


def resource(told: Told, account: str, base: str) -> dict[str, object]:
    """Return one row as the API writes it; `account` is its UUID."""
    row = told.row
    settled = row.booked_on if row.status is Status.POSTED else None
    amount = money(row.amount, row.currency)
    foreign = None
    if row.original_amount is not None and row.original_currency is not None:
        foreign = money(row.original_amount, row.original_currency)
    held = {"amount": amount, "foreignAmount": foreign}
    category = (row.category or "").lower().replace(" ", "-") or None
    return {
        "type": "transactions",
        "id": told.uid,
        "attributes": {
            "status": "HELD" if settled is None else "SETTLED",
            "rawText": row.description.upper(),
            "description": row.description,
            "message": row.reference,
            "isCategorizable": True,
            "holdInfo": held if settled is None or row.pending_external_id else None,
            "roundUp": None,
            "cashback": None,
            "amount": amount,
            "foreignAmount": foreign,
            "cardPurchaseMethod": {"method": "CONTACTLESS", "cardNumberSuffix": "0001"}
            if row.counterparty and row.reference is None
            else None,
            "settledAt": None if settled is None else _noon(settled).isoformat(),
            "createdAt": told.created.isoformat(),
            "transactionType": "Purchase" if row.reference is None else "Payment",
            "note": None,
            "performingCustomer": {"displayName": "Ada"},
            "deepLinkURL": f"up://transaction/{told.uid}",
        },
        "relationships": _relationships(told.uid, account, category, base),
        "links": {"self": f"{base}/transactions/{told.uid}"},
    }


def _relationships(
    name: str, account: str, category: str | None, base: str
) -> dict[str, dict[str, object]]:
    here = f"{base}/transactions/{name}"
    of = {"type": "categories", "id": category} if category else None
    return {
        "account": {
            "data": {"type": "accounts", "id": account},
            "links": {"related": f"{base}/accounts/{account}"},
        },
        "transferAccount": {"data": None},
        "category": {"data": of, "links": {"self": f"{here}/relationships/category"}},
        "parentCategory": {"data": None},
        "tags": {"data": [], "links": {"self": f"{here}/relationships/tags"}},
        "attachment": {"data": None},
    }


def _told(world: World, rows: Iterator[TransactionSeen]) -> Iterator[Told]:
    """Yield rows with what they are listed by; a settled one keeps the id of when it was held."""
    for row in rows:
        name = row.pending_external_id or row.external_id
        day = row.authorized_on or row.booked_on or world.today
        seconds = UUID(uid(name)).int % _SECONDS
        yield Told(_noon(day) + timedelta(seconds=seconds), uid(name), row)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), MELBOURNE)
