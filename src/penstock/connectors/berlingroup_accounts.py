"""NextGenPSD2's accounts and balances (version 1.3.12). Pure functions over bytes.

An account whose currency is `XXX` has several; each is an account of ours, and its balances say
which there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.answer import answered_at
from penstock.connectors.berlin_balances import Stated, balances_of
from penstock.connectors.berlin_reading import SEVERAL, account_type, day, mask, place
from penstock.connectors.berlingroup_rows import Amount
from penstock.connectors.wire import amount_of, broken, decode, usable_currency, usable_id
from penstock.domain.account import AccountSeen
from penstock.domain.balance import BalanceSeen
from penstock.domain.errors import InvalidInput

GONE: Final = "deleted"


class Account(msgspec.Struct, rename="camel"):
    """One account as it is listed."""

    currency: str
    resource_id: str | None = None
    iban: str | None = None
    bban: str | None = None
    masked_pan: str | None = None
    msisdn: str | None = None
    name: str | None = None
    display_name: str | None = None
    product: str | None = None
    cash_account_type: str | None = None
    status: str | None = None

    def seen(self, currency: str) -> AccountSeen:
        """Return its money in one currency as an account of ours."""
        number = self.iban or self.bban or self.msisdn
        return AccountSeen(
            external_id=place(self.resource_id or "", currency),
            name=self.display_name or self.name or self.product or "Account",
            type=account_type(self.cash_account_type),
            currency=currency,
            mask=mask(self.iban, self.bban, self.masked_pan, self.msisdn),
            identity=f"{number} {currency}" if number else None,
        )


class _Accounts(msgspec.Struct):
    accounts: list[Account]


class _Balance(msgspec.Struct, rename="camel"):
    balance_amount: Amount
    balance_type: str
    credit_limit_included: bool | None = None
    reference_date: str | None = None


class _Balances(msgspec.Struct):
    balances: list[_Balance]


@dataclass(frozen=True, slots=True)
class AsOf:
    """When an answer was given, and where the bank's days are."""

    at: datetime
    zone: ZoneInfo


_ACCOUNTS: Final = msgspec.json.Decoder(_Accounts)
_BALANCES: Final = msgspec.json.Decoder(_Balances)


def parse_accounts(body: bytes) -> list[Account]:
    """Return the accounts that there still are. Raises ContractBroken."""
    told = decode(body, _ACCOUNTS, "accounts", "resourceId").accounts
    found = [one for one in told if one.status != GONE]
    for one in found:
        if one.resource_id is None or not usable_id(one.resource_id):
            raise broken("accounts", "`resourceId` is blank: it cannot be asked for", one.name)
        if not usable_currency(one.currency):
            raise broken("accounts", "`currency` is none", one.resource_id)
    return found


def currencies_of(body: bytes, account: Account) -> list[str]:
    """Return in which currencies an account of several has balances. Raises ContractBroken."""
    stated = decode(body, _BALANCES, "balances").balances
    codes = list(dict.fromkeys(one.balance_amount.currency for one in stated))
    if not codes or not all(usable_currency(code) and code != SEVERAL for code in codes):
        why = "the account has several currencies, and no balance says which"
        raise broken("balances", why, account.resource_id)
    return codes


def parse_balances(body: bytes, places: Mapping[str, str], as_of: AsOf) -> list[BalanceSeen]:
    """Return an account's balances; `places` are our names of it by currency. ContractBroken."""
    found: dict[str, list[Stated]] = {}
    for one in decode(body, _BALANCES, "balances").balances:
        stated = _stated(one)
        if stated.currency in places:
            found.setdefault(places[stated.currency], []).append(stated)
    return [
        seen
        for name, stated in found.items()
        for seen in balances_of(name, stated, as_of.at, as_of.zone)
    ]


def as_of(headers: Mapping[str, str], zone: ZoneInfo) -> AsOf:
    """Return when an answer was given. Raises ContractBroken where it has no `Date`."""
    return AsOf(answered_at(headers, "balances"), zone)


def _stated(one: _Balance) -> Stated:
    money = one.balance_amount
    try:
        amount = amount_of(money.amount, money.currency)
        on = day(one.reference_date) if one.reference_date else None
    except InvalidInput as error:
        raise broken("balances", str(error), one.balance_type) from None
    limit = one.credit_limit_included is True
    return Stated(one.balance_type, amount, money.currency, on, with_limit=limit)
