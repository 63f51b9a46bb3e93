"""Up's accounts and their balances. Pure functions over bytes.

After the bank's OpenAPI file (up-banking/api, v1). The one balance it states is what is available:
what is on hold has been taken off. An account has no number here.
"""

from decimal import Decimal
from typing import Final

import msgspec

from penstock.connectors.up_money import Money, exact
from penstock.connectors.wire import broken, decode, usable_id
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.errors import InvalidInput

WHAT: Final = "accounts"
_TYPES: Final = {
    "TRANSACTIONAL": AccountType.CHECKING,
    "SAVER": AccountType.SAVINGS,
    "HOME_LOAN": AccountType.LOAN,
}


class _Attributes(msgspec.Struct, rename="camel"):
    display_name: str
    account_type: str
    balance: Money


class Account(msgspec.Struct):
    """An account."""

    id: str
    attributes: _Attributes


class _One(msgspec.Struct):
    data: Account


class _Links(msgspec.Struct):
    next: str | None


class _Page(msgspec.Struct):
    data: list[Account]
    links: _Links


class _Meta(msgspec.Struct):
    id: str


class _Ping(msgspec.Struct):
    meta: _Meta


_PAGE: Final = msgspec.json.Decoder(_Page)
_ONE: Final = msgspec.json.Decoder(_One)
_PING: Final = msgspec.json.Decoder(_Ping)


def parse_accounts(body: bytes) -> tuple[list[AccountSeen], str | None]:
    """Return a page of accounts, and the address of the next. Raises ContractBroken."""
    page = decode(body, _PAGE, WHAT)
    return [_seen(account) for account in page.data], page.links.next


def parse_available(body: bytes, account: str) -> tuple[Decimal, str]:
    """Return what is available on an account, and its currency. Raises ContractBroken."""
    one = decode(body, _ONE, WHAT).data
    if one.id != account:
        raise broken(WHAT, "it is another account", one.id)
    return _balance(one), one.attributes.balance.currency_code


def check_ping(body: bytes) -> None:
    """See that somebody was recognised. Raises ContractBroken."""
    if not usable_id(decode(body, _PING, "ping").meta.id):
        raise broken("ping", "`id` is blank")


def _seen(account: Account) -> AccountSeen:
    if not usable_id(account.id):
        raise broken(WHAT, "`id` is blank", account.id)
    _balance(account)
    about = account.attributes
    return AccountSeen(
        external_id=account.id,
        name=about.display_name,
        type=_TYPES.get(about.account_type, AccountType.OTHER),
        currency=about.balance.currency_code,
    )


def _balance(account: Account) -> Decimal:
    try:
        return exact(account.attributes.balance)
    except InvalidInput as error:
        raise broken(WHAT, f"`balance`: {error}", account.id) from None
