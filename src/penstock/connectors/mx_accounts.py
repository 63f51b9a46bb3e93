"""MX's accounts and what stands on them. Pure functions over bytes.

What is owed on a card or a loan is positive at MX, and negative here. A card says what can still be
spent as `available_credit`, any other account as `available_balance`. Balances are those of the
last job that went well, and do not say when that was: the member does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.mx_pages import Pagination
from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import InvalidInput
from penstock.domain.institution import Institution
from penstock.domain.money import canonical

WHAT: Final = "accounts"
_TYPES: Final = {
    "CHECKING": AccountType.CHECKING,
    "PREPAID": AccountType.CHECKING,
    "SAVINGS": AccountType.SAVINGS,
    "CREDIT_CARD": AccountType.CREDIT_CARD,
    "LOAN": AccountType.LOAN,
    "LINE_OF_CREDIT": AccountType.LOAN,
    "CHECKING_LINE_OF_CREDIT": AccountType.LOAN,
    "MORTGAGE": AccountType.LOAN,
    "INVESTMENT": AccountType.INVESTMENT,
}
_OWED: Final = frozenset({AccountType.CREDIT_CARD, AccountType.LOAN})
_DIGITS_KNOWN: Final = 4


class Account(msgspec.Struct):
    """An account."""

    guid: str
    name: str | None = None
    nickname: str | None = None
    type: str | None = None
    currency_code: str | None = None
    account_number: str | None = None
    balance: Decimal | None = None
    available_balance: Decimal | None = None
    available_credit: Decimal | None = None
    credit_limit: Decimal | None = None

    @property
    def kind(self) -> AccountType:
        """What kind of account it is."""
        return _TYPES.get(self.type or "", AccountType.OTHER)


@dataclass(frozen=True, slots=True)
class Accounts:
    """A page of accounts."""

    listed: Sequence[Account]
    pagination: Pagination


class _Page(msgspec.Struct):
    accounts: list[Account]
    pagination: Pagination


class _Institution(msgspec.Struct):
    code: str | None = None
    name: str | None = None


class _Institutions(msgspec.Struct):
    institutions: list[_Institution]


_PAGE: Final = msgspec.json.Decoder(_Page)
_INSTITUTIONS: Final = msgspec.json.Decoder(_Institutions)


def parse_accounts(body: bytes) -> Accounts:
    """Return a page of accounts. Raises ContractBroken."""
    page = decode(body, _PAGE, WHAT, "guid")
    for each in page.accounts:
        if not usable_id(each.guid):
            raise broken(WHAT, "an account has no guid", each.name)
    return Accounts(page.accounts, page.pagination)


def seen(account: Account, usual: str) -> AccountSeen:
    """Return an account in our terms; `usual` is the currency where MX names none.

    Raises ContractBroken.
    """
    number = account.account_number or ""
    return AccountSeen(
        external_id=account.guid,
        name=account.name or account.nickname or account.type or "Account",
        type=account.kind,
        currency=currency_of(account, usual),
        mask=number[-_DIGITS_KNOWN:].strip() or None,
    )


def currency_of(account: Account, usual: str) -> str:
    """Return an account's currency. Raises ContractBroken."""
    currency = account.currency_code or usual
    if not usable_currency(currency):
        raise broken(WHAT, "`currency_code` is no currency", account.guid)
    return currency


def balances(account: Account, usual: str, at: datetime, zone: ZoneInfo) -> Iterator[BalanceSeen]:
    """Yield what stands on an account, as of the job that read it. Raises ContractBroken."""
    owes = account.kind in _OWED
    currency, day = currency_of(account, usual), at.astimezone(zone).date()
    current = account.balance
    if current is not None and owes:
        current = current.copy_negate()
    stated = {
        BalanceKind.CURRENT: current,
        BalanceKind.AVAILABLE: account.available_credit if owes else account.available_balance,
        BalanceKind.LIMIT: account.credit_limit,
    }
    for kind, amount in stated.items():
        if amount is not None:
            try:
                exact = canonical(amount, currency)
            except InvalidInput as error:
                raise broken("balances", f"`{kind}`: {error}", account.guid) from None
            yield BalanceSeen(account.guid, kind, exact, currency, at, day)


def parse_institutions(body: bytes) -> list[Institution]:
    """Return a list of institutions. Raises ContractBroken."""
    found = decode(body, _INSTITUTIONS, "institutions", "code").institutions
    return [Institution(one.code, one.name or one.code) for one in found if one.code]
