"""Monzo's accounts and their balances. Pure functions over bytes.

After docs.monzo.com (Accounts, Balance), and what answers hold besides: a `type`, the account's
number, its currency, whether it is closed. What a person would call an account is not told: the
description of one's own is an internal name.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from penstock.connectors.monzo_money import Minor
from penstock.connectors.monzo_rows import Instant
from penstock.connectors.wire import amount_of_minor, broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.errors import InvalidInput

WHAT: Final = "accounts"
UNREADABLE: Final = "uk_monzo_flex_backing_loan"
"""An account behind Flex, of which every program is refused everything."""

_KINDS: Final = {
    "": ("Account", AccountType.CHECKING),
    "uk_retail": ("Current account", AccountType.CHECKING),
    "uk_retail_joint": ("Joint account", AccountType.CHECKING),
    "uk_business": ("Business account", AccountType.CHECKING),
    "uk_prepaid": ("Prepaid card", AccountType.CHECKING),
    "uk_monzo_flex": ("Flex", AccountType.CREDIT_CARD),
}
_MASK: Final = 4


class Account(msgspec.Struct):
    """An account; `created` is when it was opened."""

    id: str
    description: str = ""
    type: str = ""
    created: Annotated[datetime, Instant] | None = None
    currency: str | None = None
    account_number: str | None = None
    sort_code: str | None = None


class _Accounts(msgspec.Struct):
    accounts: list[Account]


class _Balance(msgspec.Struct):
    balance: Minor
    currency: str


_ACCOUNTS: Final = msgspec.json.Decoder(_Accounts)
_BALANCE: Final = msgspec.json.Decoder(_Balance)


def parse_accounts(body: bytes) -> list[Account]:
    """Return the accounts that programs may read. Raises ContractBroken."""
    accounts = decode(body, _ACCOUNTS, WHAT).accounts
    for account in accounts:
        if not usable_id(account.id):
            raise broken(WHAT, "`id` is blank", account.id)
        if account.currency is not None and not usable_currency(account.currency):
            raise broken(WHAT, "`currency` is none", account.id)
    return [account for account in accounts if account.type != UNREADABLE]


def seen(account: Account, currency: str) -> AccountSeen:
    """Return an account in our own terms, with the name that says most."""
    words, kind = _KINDS.get(account.type, ("Account", AccountType.OTHER))
    told = account.description if not account.description.startswith("user_") else ""
    number = account.account_number or ""
    return AccountSeen(
        external_id=account.id,
        name=told.strip() or words,
        type=kind,
        currency=currency,
        mask=number[-_MASK:] or None,
        identity=f"{account.sort_code or ''}{number}" if number else None,
    )


def parse_balance(body: bytes, account: str) -> tuple[Decimal, str]:
    """Return what is available on an account, and in which currency. Raises ContractBroken."""
    answer = decode(body, _BALANCE, "balance")
    try:
        return amount_of_minor(answer.balance, answer.currency), answer.currency
    except InvalidInput as error:
        raise broken("balance", str(error), account) from None
