"""Enable Banking's sessions, accounts, balances and banks. Pure functions over bytes.

A session names its accounts by a `uid` of its own, and by a hash of what identifies each, which
stays the same from session to session: that is what we know them by.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.berlin_balances import Stated, balances_of
from penstock.connectors.berlin_reading import SEVERAL, account_type, day, mask, place, words
from penstock.connectors.enablebanking_rows import Amount
from penstock.connectors.wire import amount_of, broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceSeen
from penstock.domain.errors import InvalidInput
from penstock.domain.institution import Institution


class Bank(msgspec.Struct):
    """A bank that can be chosen; a pair of name and country is all that identifies it."""

    name: str
    country: str
    maximum_consent_validity: int | None = None

    @property
    def institution(self) -> Institution:
        """As people choose it."""
        return Institution(f"{self.country}:{self.name}", f"{self.name} ({self.country})")


class _Other(msgspec.Struct):
    identification: str | None = None


class _AccountId(msgspec.Struct):
    iban: str | None = None
    other: _Other | None = None


class Account(msgspec.Struct):
    """One account as it is described."""

    currency: str
    account_id: _AccountId | None = None
    name: str | None = None
    details: str | None = None
    product: str | None = None
    cash_account_type: str | None = None

    def seen(self, name: str, currency: str) -> AccountSeen:
        """Return its money in one currency as an account of ours."""
        number = self.account_id or _AccountId()
        other = number.other.identification if number.other else None
        return AccountSeen(
            external_id=place(name, currency),
            name=words(self.details) or words(self.product) or words(self.name) or "Account",
            type=account_type(self.cash_account_type),
            currency=currency,
            mask=mask(number.iban, other),
            identity=f"{number.iban or other} {currency}" if number.iban or other else None,
        )


class _Mine(msgspec.Struct):
    uid: str | None = None
    identification_hash: str | None = None


class _Session(msgspec.Struct):
    aspsp: Bank
    accounts_data: list[_Mine]


class _Balance(msgspec.Struct):
    balance_amount: Amount
    balance_type: str
    reference_date: str | None = None


class _Balances(msgspec.Struct):
    balances: list[_Balance]


class _Banks(msgspec.Struct):
    aspsps: list[Bank]


_SESSION: Final = msgspec.json.Decoder(_Session)
_ACCOUNT: Final = msgspec.json.Decoder(Account)
_BALANCES: Final = msgspec.json.Decoder(_Balances)
_BANKS: Final = msgspec.json.Decoder(_Banks)


def parse_session(body: bytes) -> tuple[Institution, dict[str, str]]:
    """Return a session's bank, and the `uid` of each account by our name of it. ContractBroken.

    One without a `uid` is closed or blocked: it cannot be asked for. Where a bank leaves the hash
    out, an account is known by its `uid`.
    """
    session = decode(body, _SESSION, "session", "uid")
    found: dict[str, str] = {}
    for mine in session.accounts_data:
        if mine.uid is None:
            continue
        name = mine.identification_hash or mine.uid
        if not (usable_id(mine.uid) and usable_id(name)) or name in found:
            raise broken("session", "two accounts have one name, or one has none", name)
        found[name] = mine.uid
    return session.aspsp.institution, found


def parse_account(body: bytes) -> Account:
    """Return an account. Raises ContractBroken."""
    account = decode(body, _ACCOUNT, "account")
    if not usable_currency(account.currency):
        raise broken("account", "`currency` is none")
    return account


def currencies_of(body: bytes) -> list[str]:
    """Return in which currencies an account of several has balances. Raises ContractBroken."""
    stated = decode(body, _BALANCES, "balances").balances
    codes = list(dict.fromkeys(one.balance_amount.currency for one in stated))
    if not codes or not all(usable_currency(code) and code != SEVERAL for code in codes):
        raise broken("balances", "the account has several currencies, and no balance says which")
    return codes


def parse_balances(
    body: bytes, places: Mapping[str, str], at: datetime, zone: ZoneInfo
) -> list[BalanceSeen]:
    """Return an account's balances; `places` are our names of it by currency. ContractBroken."""
    found: dict[str, list[Stated]] = {}
    for one in decode(body, _BALANCES, "balances").balances:
        stated = _stated(one)
        if stated.currency in places:
            found.setdefault(places[stated.currency], []).append(stated)
    return [seen for name, stated in found.items() for seen in balances_of(name, stated, at, zone)]


def parse_banks(body: bytes) -> list[Bank]:
    """Return the banks that can be chosen. Raises ContractBroken."""
    return decode(body, _BANKS, "banks", "name").aspsps


def _stated(one: _Balance) -> Stated:
    money = one.balance_amount
    try:
        amount = amount_of(money.amount, money.currency)
        on = day(one.reference_date) if one.reference_date else None
    except InvalidInput as error:
        raise broken("balances", str(error), one.balance_type) from None
    return Stated(one.balance_type, amount, money.currency, on)
