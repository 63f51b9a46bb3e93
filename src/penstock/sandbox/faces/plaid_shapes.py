"""What Plaid's answers look like: accounts, balances, the Item, transactions, errors.

What is owed on a card is positive, and so is what leaves an account; money is JSON numbers. A
currency without an ISO code is an unofficial one. Rows and accounts keep the world's own ids.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle

import msgspec

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.transaction import Status, TransactionSeen
from penstock.sandbox.authority import Grant
from penstock.sandbox.faces.own_rows import NO_IDS
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.world import World

Shape = dict[str, object]

INSTITUTION: Shape = {"institution_id": "ins_sandbox", "name": "Sandbox Bank"}
PRODUCTS = ["transactions"]
_REQUEST_ID = "sandboxRequest1"
_UNOFFICIAL = frozenset({"BTC", "ETH"})
_TYPES = {
    AccountType.CHECKING: ("depository", "checking"),
    AccountType.SAVINGS: ("depository", "savings"),
    AccountType.CREDIT_CARD: ("credit", "credit card"),
    AccountType.LOAN: ("loan", "loan"),
    AccountType.INVESTMENT: ("investment", "brokerage"),
    AccountType.OTHER: ("other", "other"),
}
_OWED = frozenset({AccountType.CREDIT_CARD, AccountType.LOAN})
_ERRORS = {
    "invalid_keys": ("INVALID_INPUT", "INVALID_API_KEYS", None),
    "invalid_token": ("INVALID_INPUT", "INVALID_ACCESS_TOKEN", None),
    "invalid_public_token": ("INVALID_INPUT", "INVALID_PUBLIC_TOKEN", None),
    "invalid_link_token": ("INVALID_INPUT", "INVALID_LINK_TOKEN", None),
    "login_required": ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_INVALID_TOKEN"),
    "consent_expired": ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED"),
    "consent_revoked": ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_USER_REVOKED"),
    "rate_limited": ("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT", None),
    "server_error": ("API_ERROR", "INTERNAL_SERVER_ERROR", None),
    "mutation_during_pagination": (
        "TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", None,
    ),
    "cursor_not_associated": ("INVALID_REQUEST", "INVALID_FIELD", None),
}  # fmt: skip
_NOWHERE: Shape = dict.fromkeys(
    ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
)
_NO_META: Shape = dict.fromkeys(
    (
        "reference_number", "ppd_id", "payee", "by_order_of", "payer", "payment_method",
        "payment_processor", "reason",
    )
)  # fmt: skip
_encode = msgspec.json.Encoder(decimal_format="number").encode


def answer(**content: object) -> bytes:
    """Write an answer: money as numbers, and the id of the request with it."""
    return _encode({**content, "request_id": _REQUEST_ID})


def error(code: str, message: str) -> Shape:
    """Return an error in Plaid's words; `code` is one of the bank's own."""
    kind, name, reason = _ERRORS.get(code, ("INVALID_REQUEST", "INVALID_FIELD", None))
    if code == "cursor_not_associated":
        message = "cursor not associated with access_token"
    return {
        "error_type": kind,
        "error_code": name,
        "error_code_reason": reason,
        "error_message": message,
        "display_message": None,
        "documentation_url": "https://plaid.com/docs/errors/",
        "suggested_action": None,
    }


def complain(_status: int, code: str, message: str) -> bytes:
    """Write an error."""
    return answer(**error(code, message))


def item(grant: Grant, trouble: Shape | None) -> Shape:
    """Return the Item: one person's login; its error says what it needs."""
    return {
        "item_id": f"item-{grant.number}",
        "institution_id": INSTITUTION["institution_id"],
        "institution_name": INSTITUTION["name"],
        "webhook": None,
        "error": trouble,
        "available_products": ["balance"],
        "billed_products": PRODUCTS,
        "products": PRODUCTS,
        "consent_expiration_time": instant(grant.consent_ends),
        "update_type": "background",
    }


def institution() -> Shape:
    """Return the one institution that there is."""
    return {
        **INSTITUTION,
        "products": PRODUCTS,
        "country_codes": ["US"],
        "routing_numbers": [],
        "oauth": True,
    }


def accounts(world: World) -> list[Shape]:
    """Return every account, with what stands on it."""
    return [_account(world, each) for each in world.accounts]


def transactions(rows: Iterable[TransactionSeen]) -> list[Shape]:
    """Return rows."""
    return [_transaction(row) for row in rows]


def nameless(rows: Iterable[TransactionSeen]) -> list[Shape]:
    """Return rows whose ids are missing, blank, zero, or one for many, in turn."""
    return [
        {**_transaction(row), "transaction_id": no_id}
        for row, no_id in zip(rows, cycle(NO_IDS), strict=False)
    ]


def removals(rows: Iterable[TransactionSeen]) -> list[Shape]:
    """Return the names of rows that were taken back."""
    return [{"transaction_id": row.external_id, "account_id": row.account} for row in rows]


def instant(at: datetime) -> str:
    """Write an instant (ISO 8601, in UTC)."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _account(world: World, account: AccountPlan) -> Shape:
    stated = {each.kind: each.amount for each in world.balances_of(account)}
    current = stated[BalanceKind.CURRENT]
    kind, subtype = _TYPES[account.type]
    shape: Shape = {
        "account_id": account.external_id,
        "balances": {
            "available": stated[BalanceKind.AVAILABLE],
            "current": _owed(current) if account.type in _OWED else current,
            "limit": stated.get(BalanceKind.LIMIT),
            **_currency(account.currency),
        },
        "mask": account.mask,
        "name": account.name,
        "official_name": None,
        "type": kind,
        "subtype": subtype,
    }
    if kind == "depository":
        shape["persistent_account_id"] = account.identity
    return shape


def _transaction(row: TransactionSeen) -> Shape:
    category = (row.category or "other").upper().replace(" ", "_")
    return {
        "transaction_id": row.external_id,
        "account_id": row.account,
        "amount": _owed(row.amount),
        **_currency(row.currency),
        "date": row.booked_on or row.authorized_on,
        "authorized_date": row.authorized_on,
        "datetime": None,
        "authorized_datetime": None,
        "name": row.description,
        "original_description": row.description,
        "merchant_name": row.counterparty,
        "pending": row.status is Status.PENDING,
        "pending_transaction_id": row.pending_external_id,
        "personal_finance_category": {"primary": category, "detailed": f"{category}_OTHER"},
        "payment_channel": "other",
        "payment_meta": {**_NO_META, "reference_number": row.reference},
        "location": _NOWHERE,
        "account_owner": None,
        "check_number": None,
        "transaction_code": None,
        "counterparties": [],
    }


def _owed(amount: Decimal) -> Decimal:
    """Return an amount with Plaid's sign."""
    return -amount if amount else amount


def _currency(code: str) -> Shape:
    official = code not in _UNOFFICIAL
    return {
        "iso_currency_code": code if official else None,
        "unofficial_currency_code": None if official else code,
    }
