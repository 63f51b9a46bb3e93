"""Starling's accounts, spaces and balances. Pure functions over bytes.

After the v2 reference on the developer portal, and starlingbank/starling-developer-sdk. A space
(a savings goal, or a spending space) is a category of its account, with a feed of its own; so an
account of ours is named by both: `accountUid/categoryUid`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from penstock.connectors.answer import answered_at
from penstock.connectors.starling_feed import LONDON
from penstock.connectors.starling_money import Money, signed
from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import InvalidInput

_TYPES: Final = {
    "PRIMARY": AccountType.CHECKING,
    "ADDITIONAL": AccountType.CHECKING,
    "SAVINGS": AccountType.SAVINGS,
    "FIXED_TERM_DEPOSIT": AccountType.SAVINGS,
    "LOAN": AccountType.LOAN,
}
_MASK: Final = 4


class Account(msgspec.Struct, rename="camel"):
    """A bank account; its own money is in its default category."""

    account_uid: str
    default_category: str
    currency: str
    name: str | None = None
    account_type: str | None = None


class Space(msgspec.Struct, frozen=True):
    """Money that the person put aside in an account."""

    uid: str
    name: str
    balance: Money


class _Accounts(msgspec.Struct):
    accounts: list[Account]


class _Identifiers(msgspec.Struct, rename="camel"):
    account_identifier: str
    iban: str | None = None


class _Goal(msgspec.Struct, rename="camel"):
    savings_goal_uid: str
    name: str
    total_saved: Money


class _SpendingSpace(msgspec.Struct, rename="camel"):
    space_uid: str
    name: str
    balance: Money


class _Spaces(msgspec.Struct, rename="camel"):
    savings_goals: list[_Goal] | None = None
    savings_goal_list: list[_Goal] | None = None
    spending_spaces: list[_SpendingSpace] = []


class _Balance(msgspec.Struct, rename="camel"):
    cleared_balance: Money
    effective_balance: Money
    accepted_overdraft: Money | None = None


_ACCOUNTS: Final = msgspec.json.Decoder(_Accounts)
_IDENTIFIERS: Final = msgspec.json.Decoder(_Identifiers)
_SPACES: Final = msgspec.json.Decoder(_Spaces)
_BALANCE: Final = msgspec.json.Decoder(_Balance)


def parse_accounts(body: bytes) -> list[Account]:
    """Return the accounts of the answer. Raises ContractBroken."""
    accounts = decode(body, _ACCOUNTS, "accounts", "accountUid").accounts
    for account in accounts:
        if not (usable_id(account.account_uid) and usable_id(account.default_category)):
            raise broken("accounts", "an id is blank", account.account_uid)
        if not usable_currency(account.currency):
            raise broken("accounts", "`currency` is none", account.account_uid)
    return accounts


def place(account_uid: str, category_uid: str) -> str:
    """Return our name for a category of an account."""
    return f"{account_uid}/{category_uid}"


def parse_identifiers(body: bytes, account: Account) -> AccountSeen:
    """Return an account with the number that people know it by. Raises ContractBroken."""
    numbers = decode(body, _IDENTIFIERS, "account identifiers")
    return AccountSeen(
        external_id=place(account.account_uid, account.default_category),
        name=account.name or "Current account",
        type=_TYPES.get(account.account_type or "PRIMARY", AccountType.OTHER),
        currency=account.currency,
        mask=numbers.account_identifier[-_MASK:] or None,
        identity=numbers.iban,
    )


def parse_spaces(body: bytes) -> list[Space]:
    """Return the savings goals and spending spaces of an account. Raises ContractBroken.

    Reads the answers of both `/spaces` and the older `/savings-goals`.
    """
    answer = decode(body, _SPACES, "spaces", "savingsGoalUid")
    goals = answer.savings_goal_list if answer.savings_goals is None else answer.savings_goals
    if goals is None:
        raise broken("spaces", "there is neither `savingsGoals` nor `savingsGoalList`")
    spaces = [Space(each.savings_goal_uid, each.name, each.total_saved) for each in goals]
    spaces += [Space(each.space_uid, each.name, each.balance) for each in answer.spending_spaces]
    for space in spaces:
        if not usable_id(space.uid):
            raise broken("spaces", "an id is blank", space.uid)
    return spaces


def space_account(space: Space, account: Account) -> AccountSeen:
    """Return a space as the sub-account that it is."""
    return AccountSeen(
        external_id=place(account.account_uid, space.uid),
        name=space.name,
        type=AccountType.SAVINGS,
        currency=space.balance.currency,
        parent=place(account.account_uid, account.default_category),
    )


def parse_balance(body: bytes, headers: Mapping[str, str], account: str) -> tuple[BalanceSeen, ...]:
    """Return an account's balances: cleared ones leave pending movements out. ContractBroken."""
    answer = decode(body, _BALANCE, "balance")
    stated = {
        BalanceKind.CURRENT: answer.cleared_balance,
        BalanceKind.AVAILABLE: answer.effective_balance,
    }
    if answer.accepted_overdraft is not None and answer.accepted_overdraft.minor_units:
        stated[BalanceKind.LIMIT] = answer.accepted_overdraft
    at = answered_at(headers, "balance")
    return tuple(_seen(account, kind, money, at) for kind, money in stated.items())


def space_balance(body: bytes, headers: Mapping[str, str], account: str) -> tuple[BalanceSeen, ...]:
    """Return what is in a space; nothing if it is no longer there. Raises ContractBroken."""
    at = answered_at(headers, "balance")
    return tuple(
        _seen(account, BalanceKind.CURRENT, each.balance, at)
        for each in parse_spaces(body)
        if account.endswith(f"/{each.uid}")
    )


def _seen(account: str, kind: BalanceKind, money: Money, at: datetime) -> BalanceSeen:
    try:
        amount = signed(money)
    except InvalidInput as error:
        raise broken("balance", f"{kind}: {error}", account) from None
    return BalanceSeen(account, kind, amount, money.currency, at, at.astimezone(LONDON).date())
