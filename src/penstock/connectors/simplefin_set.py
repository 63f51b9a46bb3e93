"""SimpleFIN's account set: accounts, balances, transactions, and words for the person.

After the protocol, version 1.0.7, and what version 2 adds to the same answer. Pure functions over
bytes. Money is numeric text, + is in; times are seconds since 1970, their days those of Greenwich.
An account's id is unique within its institution, a transaction's within its account.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from hashlib import blake2b
from typing import Final
from urllib.parse import quote

import msgspec

from penstock.connectors.wire import (
    amount_of,
    broken,
    decode,
    each_mapped,
    usable_currency,
    usable_id,
)
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import InvalidInput
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "account set"
TRANSACTION: Final = "transactions"
_LONGEST_WORDS: Final = 200
_MOST_WORDS: Final = 5
_LETTERS: Final = 6


class _Org(msgspec.Struct, rename="kebab"):
    domain: str | None = None
    id: str | None = None
    sfin_url: str | None = None
    name: str | None = None


class _Account(msgspec.Struct):
    id: str
    name: str
    currency: str
    balance: str
    balance_date: int = msgspec.field(name="balance-date")
    available: str | None = msgspec.field(name="available-balance", default=None)
    transactions: list[msgspec.Raw] = []
    org: _Org | None = None
    conn_id: str | None = None
    conn_name: str | None = None


class _Error(msgspec.Struct):
    msg: str = ""
    message: str = ""


class _Set(msgspec.Struct):
    accounts: list[_Account]
    errors: list[str] = []
    errlist: list[_Error] = []


class _Transaction(msgspec.Struct):
    id: str
    posted: int
    amount: str
    description: str
    transacted_at: int | None = None
    pending: bool = False
    payee: str | None = None


class _Aside(msgspec.Struct):
    account: str
    currency: str
    transaction: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Account:
    """An account, with what was told of it. `raw_id` is how the bridge calls it."""

    seen: AccountSeen
    raw_id: str
    institution: str
    balances: tuple[BalanceSeen, ...]
    rows: list[TransactionSeen]
    unmapped: list[Unmapped]


@dataclass(frozen=True, slots=True)
class AccountSet:
    """An answer, mapped. `said` is what the person should be shown."""

    accounts: list[Account]
    said: tuple[str, ...]


_SET: Final = msgspec.json.Decoder(_Set)
_TRANSACTION: Final = msgspec.json.Decoder(_Transaction)
_ASIDE: Final = msgspec.json.Decoder(_Aside)


def parse_set(body: bytes) -> AccountSet:
    """Return an answer. Raises ContractBroken. A transaction that makes no sense goes along."""
    told = decode(body, _SET, WHAT)
    accounts = [_account(one) for one in told.accounts]
    names = [one.seen.external_id for one in accounts]
    if len(set(names)) < len(names):
        raise broken(WHAT, "two accounts of an institution have one id")
    said = [*told.errors, *(one.msg or one.message for one in told.errlist)]
    return AccountSet(accounts, readable(said))


def parse_transaction(raw: bytes, account: str, currency: str) -> TransactionSeen:
    """Return one transaction. Raises ContractBroken."""
    one = decode(raw, _TRANSACTION, TRANSACTION)
    if not usable_id(one.id):
        raise broken(TRANSACTION, "`id` is blank", one.id)
    try:
        amount = amount_of(one.amount, currency)
    except InvalidInput as error:
        raise broken(TRANSACTION, f"`amount`: {error}", one.id) from None
    posted = _day(one.posted, one.id)
    happened = _day(one.transacted_at or 0, one.id)
    pending = one.pending or posted is None
    return TransactionSeen(
        account=account,
        external_id=one.id,
        status=Status.PENDING if pending else Status.POSTED,
        amount=amount,
        currency=currency,
        booked_on=None if pending else posted,
        value_on=None,
        authorized_on=happened or (posted if pending else None),
        description=one.description,
        counterparty=one.payee or None,
    )


def parse_aside(raw: bytes) -> TransactionSeen:
    """Return a transaction that was set aside, from what was kept of it. Raises ContractBroken."""
    aside = decode(raw, _ASIDE, TRANSACTION)
    return parse_transaction(bytes(aside.transaction), aside.account, aside.currency)


def code_of(currency: str) -> str:
    """Return a currency's code. One that is an address gets a code made of it: it has no other.

    The address is not asked what it is called, for it is whatever the bank wrote there.
    """
    if "://" not in currency:
        return currency
    words = [letter for letter in currency.rpartition("/")[2].upper() if letter.isalpha()]
    plain = "".join(letter for letter in words if letter.isascii())[:_LETTERS] or "X"
    return plain + blake2b(currency.encode(), digest_size=3).hexdigest().upper()


def readable(texts: Iterable[str]) -> tuple[str, ...]:
    """Return a few of a stranger's words that can be shown anywhere: no mark-up, no control."""
    words = []
    for text in texts:
        kept = (" " if not one.isprintable() or one in "<>" else one for one in text)
        words.append(" ".join("".join(kept).split())[:_LONGEST_WORDS])
    said = list(dict.fromkeys(one for one in words if one))
    more = len(said) - _MOST_WORDS
    return tuple(said[:_MOST_WORDS] + ([f"(and {more} more)"] if more > 0 else []))


def _account(one: _Account) -> Account:
    if not usable_id(one.id):
        raise broken(WHAT, "`id` is blank", one.id)
    currency = code_of(one.currency)
    if not usable_currency(currency):
        raise broken(WHAT, "`currency` is none", one.id)
    name = _place(one)
    rows, bad = each_mapped(
        one.transactions,
        partial(parse_transaction, account=name, currency=currency),
        account_field=None,
    )
    return Account(
        seen=AccountSeen(name, one.name, AccountType.OTHER, currency),
        raw_id=one.id,
        institution=_institution(one),
        balances=tuple(_balances(one, name, currency)),
        rows=rows,
        unmapped=[_aside(each, name, currency) for each in bad],
    )


def _aside(one: Unmapped, account: str, currency: str) -> Unmapped:
    """Return what cannot be mapped with what it would need: a transaction says not whose it is."""
    raw = msgspec.json.encode(_Aside(account, currency, msgspec.Raw(one.raw)))
    return Unmapped(account, one.external_id, one.reason, raw)


def _place(one: _Account) -> str:
    """Return our name for an account: by itself its id may be another bank's as well."""
    org = one.org or _Org()
    where = org.domain or org.id or org.sfin_url or one.conn_id or ""
    if not usable_id(where):
        raise broken(WHAT, "an account's institution has no name", one.id)
    return f"{quote(where, safe='')}/{one.id}"


def _institution(one: _Account) -> str:
    org = one.org or _Org()
    told = readable([org.name or org.domain or one.conn_name or one.conn_id or ""])
    return told[0] if told else "SimpleFIN"


def _balances(one: _Account, name: str, currency: str) -> Iterable[BalanceSeen]:
    try:
        at = datetime.fromtimestamp(one.balance_date, UTC)
        stated = {BalanceKind.CURRENT: amount_of(one.balance, currency)}
        if one.available is not None:
            stated[BalanceKind.AVAILABLE] = amount_of(one.available, currency)
    except InvalidInput as error:
        raise broken(WHAT, f"`balance`: {error}", one.id) from None
    except (ValueError, OverflowError, OSError):
        raise broken(WHAT, "`balance-date` is no time", one.id) from None
    return [
        BalanceSeen(name, kind, amount, currency, at, at.date()) for kind, amount in stated.items()
    ]


def _day(seconds: int, name: str) -> date | None:
    """Return the day of an instant, in Greenwich; 0 is none."""
    if seconds == 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        raise broken(TRANSACTION, "a time is none", name) from None
