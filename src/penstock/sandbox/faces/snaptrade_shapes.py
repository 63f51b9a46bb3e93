"""What SnapTrade's answers look like: accounts, connections, balances, activities, errors.

Money is JSON numbers, + where cash comes in; positions are told in decimal texts. A day is an
instant, midnight of Greenwich.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Context
from http import HTTPStatus
from uuid import UUID, uuid5

import msgspec

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.world import World

Shape = dict[str, object]

BROKER = "Sandbox Brokerage"
_NAMES = UUID("0d2f3c7e-8a41-4b52-9a53-0f3f7b6ad9c4")
_CATEGORIES = {
    AccountType.CHECKING: ("DEPOSIT", "Checking"),
    AccountType.SAVINGS: ("DEPOSIT", "Savings"),
    AccountType.CREDIT_CARD: ("LOC", "Credit Card"),
    AccountType.LOAN: ("LOC", "Loan"),
    AccountType.INVESTMENT: ("INVESTMENT", "Individual"),
    AccountType.OTHER: (None, "Wallet"),
}
_KINDS = {
    SecurityType.STOCK: "stock",
    SecurityType.ETF: "etf",
    SecurityType.FUND: "mutualfund",
    SecurityType.CRYPTO: "crypto",
}
_PRECISE = Context(prec=40)
_CODES = {401: "1076", 403: "1066", 404: "1010", 429: "0000"}
encode = msgspec.json.Encoder(decimal_format="number").encode


def uid(name: str) -> str:
    """Return the UUID that stands for one of the world's own ids."""
    return str(uuid5(_NAMES, name))


def instant(at: datetime) -> str:
    """Write an instant."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def complain(status: int, _code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    if status == HTTPStatus.TOO_MANY_REQUESTS and "available in" not in message:
        message = "Request was throttled. Expected available in 1 second."
    code = _CODES.get(status, "1000")
    return encode({"detail": message, "status_code": status, "code": code})


def connection_id(world: World) -> str:
    """Return the id of a person's connection to their broker."""
    return uid(f"{world.plan.person}:connection")


def connection(world: World, *, disabled: bool) -> Shape:
    """Describe a person's connection to their broker."""
    return {
        "id": connection_id(world),
        "created_date": _midnight(world.plan.first_day),
        "brokerage": broker(),
        "name": "Connection-1",
        "type": "read",
        "disabled": disabled,
        "disabled_date": instant(world.now) if disabled else None,
        "meta": {},
        "updated_date": instant(world.now),
    }


def broker() -> Shape:
    """Describe the one broker."""
    return {
        "id": uid(BROKER),
        "slug": "SANDBOX",
        "name": BROKER,
        "display_name": BROKER,
        "description": "Nobody's money is here.",
        "enabled": True,
        "maintenance_mode": False,
        "is_degraded": False,
        "allows_trading": False,
    }


def account(world: World, each: AccountPlan) -> Shape:
    """Describe an account."""
    stated = {one.kind: one.amount for one in world.balances_of(each)}
    category, words = _CATEGORIES[each.type]
    return {
        "id": uid(each.external_id),
        "brokerage_authorization": connection_id(world),
        "portfolio_group": None,
        "name": each.name,
        "number": f"SB{each.mask}",
        "institution_account_id": each.identity,
        "institution_name": BROKER,
        "created_date": _midnight(world.plan.first_day),
        "funding_date": None,
        "opening_date": None,
        "sync_status": {
            "transactions": {
                "initial_sync_completed": True,
                "last_successful_sync": world.today.isoformat(),
                "first_transaction_date": world.plan.first_day.isoformat(),
            },
            "holdings": {
                "initial_sync_completed": True,
                "last_successful_sync": instant(world.now),
                "holdings_unavailable": False,
            },
        },
        "balance": {"total": {"amount": stated[BalanceKind.CURRENT], "currency": each.currency}},
        "status": "open",
        "raw_type": words,
        "account_category": category,
        "meta": {},
        "cash_restrictions": [],
        "is_paper": False,
    }


def balances(world: World, each: AccountPlan) -> list[Shape]:
    """Tell the cash of an account, and what can be spent."""
    stated = {one.kind: one.amount for one in world.balances_of(each)}
    return [
        {
            "currency": currency(each.currency),
            "cash": stated[BalanceKind.CURRENT],
            "buying_power": stated[BalanceKind.AVAILABLE],
        }
    ]


def positions(world: World, each: AccountPlan) -> Shape:
    """Tell what an account holds, in decimal texts."""
    held = [one for one in world.holdings() if one.account == each.external_id]
    return {
        "results": [_position(one) for one in held],
        "data_freshness": {"as_of": instant(world.now)},
    }


def _position(held: HoldingSeen) -> Shape:
    """Describe a position: what one of it cost is told, on the average."""
    symbol = held.symbol or held.isin or held.name
    cost = None
    if held.cost_basis is not None:
        cost = f"{_PRECISE.divide(held.cost_basis, held.quantity):f}"
    return {
        "instrument": {
            "kind": _KINDS.get(held.type, "other"),
            "id": uid(held.external_id),
            "symbol": symbol,
            "raw_symbol": symbol,
            "description": held.name,
            "currency": held.currency,
            "exchange": held.mic,
            "figi_instrument": {"figi_code": held.figi} if held.figi else None,
        },
        "units": f"{held.quantity:f}",
        "price": None if held.price is None else f"{held.price:f}",
        "cost_basis": cost,
        "currency": held.currency,
    }


def currency(code: str) -> Shape:
    """Describe a currency."""
    return {"id": uid(code), "code": code, "name": code}


def newest_first(world: World, name: str, days: tuple[date, date]) -> list[TransactionSeen]:
    """Return the booked rows of an account within these days, both included."""
    rows = [row for row in world.live() if row.account == name and row.status is Status.POSTED]
    since, until = days
    rows = [row for row in rows if since <= traded(row) <= until]
    return sorted(rows, key=lambda row: (traded(row), row.external_id), reverse=True)


def traded(row: TransactionSeen) -> date:
    """Return the day of a booked row."""
    return row.booked_on or date.max


def activities(rows: Sequence[TransactionSeen]) -> Iterator[Shape]:
    """Describe rows."""
    for row in rows:
        yield {
            "id": uid(row.external_id),
            "symbol": None,
            "currency_universal_symbol": None,
            "option_symbol": None,
            "price": 0,
            "units": 0,
            "amount": row.amount,
            "currency": currency(row.currency),
            "type": "WITHDRAWAL" if row.amount < 0 else "CONTRIBUTION",
            "option_type": "",
            "description": row.description,
            "trade_date": _midnight(traded(row)),
            "settlement_date": _midnight(row.value_on or traded(row)),
            "fee": 0,
            "fx_rate": None,
            "institution": BROKER,
            "external_reference_id": row.reference,
        }


def _midnight(day: date) -> str:
    return f"{day}T00:00:00.000000Z"
