"""Plaid's accounts, their balances, and the Item that they belong to. Pure functions over bytes.

After /accounts/get, /item/get and /institutions/get_by_id. What is owed on a card or a loan is
positive at Plaid, and negative here; a balance the other way round says that the lender owes.
Balances are those of the Item's last update, and do not say when that was: the Item does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.plaid_rows import currency_of
from penstock.connectors.wire import broken, decode, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import InvalidInput
from penstock.domain.institution import Institution
from penstock.domain.money import canonical

ID: Final = "account_id"
_TYPES: Final = {
    "credit": AccountType.CREDIT_CARD,
    "loan": AccountType.LOAN,
    "investment": AccountType.INVESTMENT,
    "brokerage": AccountType.INVESTMENT,
}
_DEPOSITS: Final = {
    **dict.fromkeys(
        ("checking", "cash management", "prepaid", "paypal", "payroll", "ebt"),
        AccountType.CHECKING,
    ),
    **dict.fromkeys(("savings", "money market", "cd", "hsa"), AccountType.SAVINGS),
}
_OWED: Final = frozenset({"credit", "loan"})


class _Balances(msgspec.Struct):
    available: Decimal | None = None
    current: Decimal | None = None
    limit: Decimal | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None
    last_updated_datetime: datetime | None = None


class _Account(msgspec.Struct):
    account_id: str
    name: str
    type: str
    balances: _Balances
    subtype: str | None = None
    mask: str | None = None
    official_name: str | None = None
    persistent_account_id: str | None = None


class Item(msgspec.Struct):
    """One login at one institution: what we call a connection."""

    item_id: str
    institution_id: str | None = None
    institution_name: str | None = None
    consent_expiration_time: datetime | None = None


class _Accounts(msgspec.Struct):
    accounts: list[_Account]
    item: Item


class _Update(msgspec.Struct):
    last_successful_update: datetime | None = None


class _Status(msgspec.Struct):
    transactions: _Update | None = None


class _OfItem(msgspec.Struct):
    item: Item
    status: _Status | None = None


class _Institution(msgspec.Struct):
    institution_id: str
    name: str


class _OfInstitution(msgspec.Struct):
    institution: _Institution


class _Institutions(msgspec.Struct):
    institutions: list[_Institution]


@dataclass(frozen=True, slots=True)
class ItemSeen:
    """When an Item's consent ends, and when it was last updated; None where that is not said."""

    consent_ends: datetime | None
    updated: datetime | None


_ACCOUNTS: Final = msgspec.json.Decoder(_Accounts)
_OF_ITEM: Final = msgspec.json.Decoder(_OfItem)
_OF_INSTITUTION: Final = msgspec.json.Decoder(_OfInstitution)
_INSTITUTIONS: Final = msgspec.json.Decoder(_Institutions)


def parse_accounts(body: bytes) -> tuple[Item, tuple[AccountSeen, ...]]:
    """Return the Item and its accounts. Raises ContractBroken."""
    answer = _decoded(body)
    return answer.item, tuple(
        AccountSeen(
            external_id=each.account_id,
            name=each.name or each.official_name or each.type,
            type=_type(each),
            currency=_currency(each),
            mask=each.mask or None,
            identity=each.persistent_account_id or None,
        )
        for each in answer.accounts
    )


def parse_balances(body: bytes, updated: datetime, zone: ZoneInfo) -> tuple[BalanceSeen, ...]:
    """Return every balance, as of the Item's last update. Raises ContractBroken.

    An institution that dates its balances by itself is believed.
    """
    answer = _decoded(body)
    return tuple(one for each in answer.accounts for one in _balances(each, updated, zone))


def parse_item(body: bytes) -> ItemSeen:
    """Return what /item/get tells. Raises ContractBroken."""
    answer = decode(body, _OF_ITEM, "Item")
    pulled = answer.status.transactions if answer.status else None
    return ItemSeen(
        consent_ends=_aware(answer.item.consent_expiration_time),
        updated=_aware(pulled.last_successful_update if pulled else None),
    )


def parse_institution(body: bytes) -> Institution:
    """Return an institution by its name. Raises ContractBroken."""
    found = decode(body, _OF_INSTITUTION, "institution").institution
    return Institution(found.institution_id, found.name)


def parse_institutions(body: bytes) -> list[Institution]:
    """Return a list of institutions. Raises ContractBroken."""
    found = decode(body, _INSTITUTIONS, "institutions", "institution_id").institutions
    return [Institution(each.institution_id, each.name) for each in found]


def _decoded(body: bytes) -> _Accounts:
    answer = decode(body, _ACCOUNTS, "accounts", ID)
    for each in answer.accounts:
        if not usable_id(each.account_id):
            raise broken("accounts", "an account has no id", each.name)
    return answer


def _type(account: _Account) -> AccountType:
    if account.type == "depository":
        return _DEPOSITS.get(account.subtype or "", AccountType.OTHER)
    return _TYPES.get(account.type, AccountType.OTHER)


def _currency(account: _Account) -> str:
    told = account.balances
    try:
        return currency_of(told.iso_currency_code, told.unofficial_currency_code)
    except InvalidInput as error:
        raise broken("accounts", f"{error}", account.account_id) from None


def _balances(account: _Account, updated: datetime, zone: ZoneInfo) -> Iterator[BalanceSeen]:
    told, currency = account.balances, _currency(account)
    current = told.current
    if current is not None and account.type in _OWED:
        current = current.copy_negate()
    at = _aware(told.last_updated_datetime) or updated
    stated = {
        BalanceKind.CURRENT: current,
        BalanceKind.AVAILABLE: told.available,
        BalanceKind.LIMIT: told.limit,
    }
    for kind, amount in stated.items():
        if amount is not None:
            try:
                exact = canonical(amount, currency)
            except InvalidInput as error:
                raise broken("balances", f"`{kind}`: {error}", account.account_id) from None
            yield BalanceSeen(
                account.account_id, kind, exact, currency, at, at.astimezone(zone).date()
            )


def _aware(at: datetime | None) -> datetime | None:
    """Return an instant. Raises ContractBroken for one that does not say in which zone it is."""
    if at is not None and at.tzinfo is None:
        raise broken("Item", "an instant has no offset")
    return at
