"""What MX's answers look like: users, members, accounts, transactions, pages, errors.

What is owed on a card is positive, an amount has no sign, money is JSON numbers, and an instant is
noon of its day (UTC). A settled row keeps the guid of when it was pending.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID, uuid5

import msgspec

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.plan import AccountPlan

Shape = dict[str, object]

INSTITUTION: Shape = {"code": "sandbox", "name": "Sandbox Bank", "url": "https://sandbox.example"}
_INSTITUTION_GUID = "INS-1b1d3c0e-7a54-4f53-9c5e-5a0b2f2f6d12"
_NAMES = UUID("1b1d3c0e-7a54-4f53-9c5e-5a0b2f2f6d12")
_TYPES = {
    AccountType.CHECKING: "CHECKING",
    AccountType.SAVINGS: "SAVINGS",
    AccountType.CREDIT_CARD: "CREDIT_CARD",
    AccountType.LOAN: "LOAN",
    AccountType.INVESTMENT: "INVESTMENT",
    AccountType.OTHER: "UNKNOWN",
}
_HOLDING_TYPES = {
    SecurityType.STOCK: "EQUITY",
    SecurityType.ETF: "EXCHANGE_TRADED_FUND",
    SecurityType.FUND: "MUTUAL_FUND",
    SecurityType.BOND: "BOND",
    SecurityType.CRYPTO: "CRYPTOCURRENCY",
    SecurityType.OPTION: "OPTIONS",
    SecurityType.CASH: "CASH",
}
_OWED = frozenset({AccountType.CREDIT_CARD, AccountType.LOAN})
_encode = msgspec.json.Encoder(decimal_format="number").encode


def answer(**content: object) -> bytes:
    """Write an answer."""
    return _encode(content)


def complain(status: int, _code: str, message: str) -> bytes:
    """Write an error."""
    return _encode({"error": {"status": status, "message": message}})


def guid(prefix: str, name: str) -> str:
    """Return the guid that stands for one of the world's own ids."""
    return f"{prefix}-{uuid5(_NAMES, name)}"


def row_guid(row: TransactionSeen) -> str:
    """Return the guid of a row, which it has from when it was pending."""
    return guid("TRN", row.pending_external_id or row.external_id)


def pagination(page: int, per_page: int, total: int) -> Shape:
    """Return where in a list a page is."""
    return {
        "current_page": page,
        "per_page": per_page,
        "total_entries": total,
        "total_pages": max(1, -(-total // per_page)),
    }


def user(name: str, given: object) -> Shape:
    """Return a user."""
    return {"guid": name, "id": given, "email": None, "is_disabled": False, "metadata": None}


def member(names: tuple[str, str], status: str, *, works: bool, heard: datetime | None) -> Shape:
    """Return a login of a user: `names` are its own and the user's."""
    return {
        "aggregated_at": _instant(heard),
        "background_aggregation_is_disabled": False,
        "connection_status": status,
        "guid": names[0],
        "id": None,
        "institution_code": INSTITUTION["code"],
        "institution_guid": _INSTITUTION_GUID,
        "is_being_aggregated": works,
        "is_managed_by_user": True,
        "is_manual": False,
        "is_oauth": True,
        "name": INSTITUTION["name"],
        "successfully_aggregated_at": _instant(heard),
        "user_guid": names[1],
    }


def status_of(member: Shape) -> Shape:
    """Return what /status tells of a login."""
    told = ("aggregated_at", "connection_status", "guid", "is_being_aggregated")
    return {
        **{name: member[name] for name in told},
        "successfully_aggregated_at": member["successfully_aggregated_at"],
        "challenges": [],
        "has_processed_accounts": not member["is_being_aggregated"],
        "has_processed_transactions": not member["is_being_aggregated"],
        "is_authenticated": True,
    }


def account(plan: AccountPlan, balances: Iterable[BalanceSeen], names: tuple[str, str]) -> Shape:
    """Return an account with what stands on it; `names` are its login's and its user's."""
    stated = {each.kind: each.amount for each in balances}
    current, available = stated[BalanceKind.CURRENT], stated[BalanceKind.AVAILABLE]
    owes = plan.type in _OWED
    return {
        "account_number": f"XXXX{plan.mask}",
        "available_balance": None if owes else available,
        "available_credit": available if owes else None,
        "balance": _turned(current) if owes else current,
        "created_at": "2026-01-01T12:00:00Z",
        "credit_limit": stated.get(BalanceKind.LIMIT),
        "currency_code": plan.currency,
        "guid": guid("ACT", plan.external_id),
        "id": plan.external_id,
        "institution_code": INSTITUTION["code"],
        "is_closed": False,
        "is_hidden": False,
        "member_guid": names[0],
        "name": plan.name,
        "nickname": None,
        "subtype": None,
        "type": _TYPES[plan.type],
        "user_guid": names[1],
    }


def transaction(
    row: TransactionSeen, changed: datetime, names: tuple[str, str], home: str
) -> Shape:
    """Return a row. One in its account's currency (`home`) does not say which that is."""
    posted = row.booked_on if row.status is Status.POSTED else None
    return {
        "account_guid": guid("ACT", row.account),
        "account_id": row.account,
        "amount": abs(row.amount),
        "category": row.category,
        "check_number_string": None,
        "created_at": _instant(changed),
        "currency_code": None if row.currency == home else row.currency,
        "date": day_of(row).isoformat(),
        "description": row.counterparty or row.description,
        "guid": row_guid(row),
        "id": row.external_id,
        "is_expense": row.amount < 0,
        "is_income": row.amount > 0,
        "member_guid": names[0],
        "memo": row.reference,
        "merchant_guid": guid("MCH", row.counterparty) if row.counterparty else None,
        "original_description": row.description,
        "posted_at": _noon(posted),
        "status": "PENDING" if posted is None else "POSTED",
        "transacted_at": _noon(row.authorized_on),
        "type": "CREDIT" if row.amount >= 0 else "DEBIT",
        "updated_at": _instant(changed),
        "user_guid": names[1],
    }


def holding(held: HoldingSeen, user: str) -> Shape:
    """Return a position: its quantity is text."""
    return {
        "account_guid": guid("ACT", held.account),
        "cost_basis": held.cost_basis,
        "currency_code": held.currency,
        "current_price": held.price,
        "description": held.name,
        "guid": guid("HOL", held.external_id),
        "holding_type": _HOLDING_TYPES.get(held.type, "UNKNOWN_TYPE"),
        "market_value": held.value,
        "quantity": f"{held.quantity:f}",
        "symbol": held.symbol,
        "user_guid": user,
    }


def day_of(row: TransactionSeen) -> date:
    """Return the day by which a row is searched for: when it happened, or else was booked."""
    return row.authorized_on or row.booked_on or date.min


def _turned(amount: Decimal) -> Decimal:
    """Return what is owed, with MX's sign."""
    return -amount if amount else amount


def _instant(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _noon(day: date | None) -> str | None:
    return None if day is None else _instant(datetime.combine(day, time(12), UTC))
