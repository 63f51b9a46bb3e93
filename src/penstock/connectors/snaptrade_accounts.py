"""SnapTrade's accounts, the connections to brokers behind them, and balances. Pure functions.

After /accounts, /authorizations/{id} and /accounts/{id}/balances. An account's
`id` lasts as long as its connection; `institution_account_id` is the broker's own, and outlives it.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.wire import broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.currency import NO_CURRENCY
from penstock.domain.errors import InvalidInput
from penstock.domain.institution import Institution
from penstock.domain.money import canonical

WHAT: Final = "accounts"

_MASK: Final = 4
_MASKED: Final = re.compile(r"[*•]|x{3,}|X{3,}")
_DEPOSITS: Final = re.compile("sav", re.IGNORECASE)
_CARDS: Final = re.compile("card", re.IGNORECASE)


class _Total(msgspec.Struct):
    amount: Decimal | None = None
    currency: str | None = None


class _Balance(msgspec.Struct):
    total: _Total | None = None


class _Holdings(msgspec.Struct):
    last_successful_sync: datetime | None = None
    holdings_unavailable: bool | None = None
    initial_sync_completed: bool | None = None


class _Transactions(msgspec.Struct):
    last_successful_sync: str | None = None
    initial_sync_completed: bool | None = None


class _Sync(msgspec.Struct):
    transactions: _Transactions | None = None
    holdings: _Holdings | None = None


class Account(msgspec.Struct):
    """An account at a broker."""

    id: str
    brokerage_authorization: str
    institution_name: str
    number: str
    balance: _Balance
    sync_status: _Sync
    name: str | None = None
    institution_account_id: str | None = None
    account_category: str | None = None
    raw_type: str | None = None
    is_paper: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether all its history was gathered; what is not said is taken for good."""
        told = self.sync_status.transactions
        return told is None or told.initial_sync_completed is not False

    @property
    def gathered(self) -> object:
        """What changes whenever SnapTrade gathers transactions anew."""
        told = self.sync_status.transactions
        return None if told is None else told.last_successful_sync

    @property
    def heard_at(self) -> datetime | None:
        """When the broker was last asked what is held."""
        told = self.sync_status.holdings
        return told.last_successful_sync if told else None

    @property
    def tells_holdings(self) -> bool:
        """Whether the broker lets SnapTrade see what is held: an empty answer means nothing else.

        Before it was first looked, there is nothing to be told either.
        """
        told = self.sync_status.holdings
        if told is None:
            return True
        return not told.holdings_unavailable and told.initial_sync_completed is not False


class _Brokerage(msgspec.Struct):
    display_name: str | None = None
    name: str | None = None


class _Authorization(msgspec.Struct):
    id: str
    disabled: bool | None = None
    brokerage: _Brokerage | None = None


class _Currency(msgspec.Struct):
    code: str | None = None


class _Cash(msgspec.Struct):
    currency: _Currency
    cash: Decimal | None = None
    buying_power: Decimal | None = None


_ACCOUNTS: Final = msgspec.json.Decoder(list[Account])
_AUTHORIZATION: Final = msgspec.json.Decoder(_Authorization)
_CASH: Final = msgspec.json.Decoder(list[_Cash])


def parse_accounts(body: bytes) -> list[Account]:
    """Return every account. Raises ContractBroken."""
    accounts = decode(body, _ACCOUNTS, WHAT)
    for each in accounts:
        _check(each)
    return accounts


def find_account(body: bytes, name: str) -> Account:
    """Return one account of all. Raises ContractBroken, also where it is not among them."""
    account = next((each for each in parse_accounts(body) if each.id == name), None)
    if account is None:
        raise broken(WHAT, "it is not listed any more", name)
    return account


def seen(account: Account) -> AccountSeen:
    """Return an account in our terms. Raises ContractBroken."""
    total = account.balance.total
    currency = (total.currency if total else None) or NO_CURRENCY
    if not usable_currency(currency):
        raise broken(WHAT, f"{currency[:40]!r} is no currency", account.id)
    number = account.number.strip()
    name = account.name or account.institution_name
    return AccountSeen(
        external_id=account.id,
        name=f"{name} (paper)" if account.is_paper else name,
        type=_type(account),
        currency=currency,
        mask=number[-_MASK:] or None,
        identity=_identity(account, number),
    )


def institution_of(accounts: Sequence[Account], title: str) -> Institution:
    """Return the broker where there is but one, else SnapTrade, behind which there are several."""
    names = {each.institution_name for each in accounts}
    return Institution("snaptrade", names.pop() if len(names) == 1 else title)


def parse_disabled(body: bytes, name: str) -> str | None:
    """Return the broker whose connection has to be mended; None where it is well.

    Raises ContractBroken. SnapTrade goes on telling what it knows of a disabled one.
    """
    told = decode(body, _AUTHORIZATION, "connection")
    if told.id != name:
        raise broken("connection", "it is another one", told.id)
    if not told.disabled:
        return None
    of = told.brokerage
    return (of and (of.display_name or of.name)) or "The broker"


def parse_balances(
    body: bytes, account: str, at: datetime, zone: ZoneInfo
) -> tuple[BalanceSeen, ...]:
    """Return an account's balances, in each of its currencies. Raises ContractBroken."""
    stated = decode(body, _CASH, "balances")
    codes = [each.currency.code for each in stated]
    if len(codes) != len(set(codes)):
        raise broken("balances", "a currency is told twice", account)
    return tuple(one for each in stated for one in _balances(each, account, at, zone))


def _balances(told: _Cash, account: str, at: datetime, zone: ZoneInfo) -> Iterator[BalanceSeen]:
    currency = told.currency.code or ""
    amounts = {BalanceKind.CURRENT: told.cash, BalanceKind.AVAILABLE: told.buying_power}
    for kind, amount in amounts.items():
        if amount is None:
            continue
        if not usable_currency(currency):
            raise broken("balances", f"{currency[:40]!r} is no currency", account)
        try:
            exact = canonical(amount, currency)
        except InvalidInput as error:
            raise broken("balances", f"`{kind}`: {error}", account) from None
        yield BalanceSeen(account, kind, exact, currency, at, at.astimezone(zone).date())


def _check(account: Account) -> None:
    if not usable_id(account.id) or not usable_id(account.brokerage_authorization):
        raise broken(WHAT, "an id is blank", account.id)
    at = account.heard_at
    if at is not None and at.tzinfo is None:
        raise broken(WHAT, "an instant has no offset", account.id)


def _type(account: Account) -> AccountType:
    """Return the type. Where it is not known, SnapTrade says to take it for an investment."""
    words = account.raw_type or ""
    match account.account_category:
        case "DEPOSIT":
            return AccountType.SAVINGS if _DEPOSITS.search(words) else AccountType.CHECKING
        case "LOC":
            return AccountType.CREDIT_CARD if _CARDS.search(words) else AccountType.LOAN
        case "INVESTMENT" | None:
            return AccountType.INVESTMENT
        case _:
            return AccountType.OTHER


def _identity(account: Account, number: str) -> str | None:
    """Return what stays when a connection is made anew; a number of which we see half is none."""
    own = account.institution_account_id
    if own and usable_id(own):
        return f"{account.institution_name}:{own}"
    if not usable_id(number) or _MASKED.search(number):
        return None
    return f"{account.institution_name}:{number}"
