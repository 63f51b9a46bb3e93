"""SimpleFIN's account set: accounts, balances, and words for the person.

After the protocol, version 1.0.7, and what version 2 adds to the same answer. Pure functions over
bytes. Money is numeric text, + is in; times are seconds since 1970, their days those of Greenwich.
An account's id is unique within its institution.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, Generic, TypeVar
from urllib.parse import quote

import msgspec

from penstock.connectors.simplefin_rows import RowsOf, Transaction, all_mapped, one_by_one
from penstock.connectors.wire import (
    CANNOT_READ,
    amount_of,
    broken,
    clean,
    decode,
    usable_currency,
    usable_id,
)
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "account set"
_LONGEST_WORDS: Final = 200
_MOST_WORDS: Final = 5
_LETTERS: Final = 6


Row = TypeVar("Row")


class _Org(msgspec.Struct, rename="kebab"):
    domain: str | None = None
    id: str | None = None
    sfin_url: str | None = None
    name: str | None = None


class _Account(msgspec.Struct, Generic[Row]):
    id: str
    name: str
    currency: str
    balance: str
    balance_date: int = msgspec.field(name="balance-date")
    available: str | None = msgspec.field(name="available-balance", default=None)
    transactions: list[Row] = []
    org: _Org | None = None
    conn_id: str | None = None
    conn_name: str | None = None


class _Error(msgspec.Struct):
    msg: str = ""
    message: str = ""


class _Set(msgspec.Struct, Generic[Row]):
    accounts: list[_Account[Row]]
    errors: list[str] = []
    errlist: list[_Error] = []


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


_SET: Final = msgspec.json.Decoder(_Set[Transaction])
_LOOSE: Final = msgspec.json.Decoder(_Set[msgspec.Raw])


def parse_set(body: bytes) -> AccountSet:
    """Return an answer. Raises ContractBroken. A transaction that makes no sense goes along."""
    try:
        return _mapped(_SET.decode(clean(body)), all_mapped)
    except (*CANNOT_READ, ContractBroken):
        return _mapped(decode(body, _LOOSE, WHAT), one_by_one)


def _mapped(told: _Set[Row], rows_of: RowsOf[Row]) -> AccountSet:
    accounts = [_account(one, rows_of) for one in told.accounts]
    names = [one.seen.external_id for one in accounts]
    if len(set(names)) < len(names):
        raise broken(WHAT, "two accounts of an institution have one id")
    said = [*told.errors, *(one.msg or one.message for one in told.errlist)]
    return AccountSet(accounts, readable(said))


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


def _account(one: _Account[Row], rows_of: RowsOf[Row]) -> Account:
    if not usable_id(one.id):
        raise broken(WHAT, "`id` is blank", one.id)
    currency = code_of(one.currency)
    if not usable_currency(currency):
        raise broken(WHAT, "`currency` is none", one.id)
    name = _place(one)
    rows, unmapped = rows_of(one.transactions, name, currency)
    return Account(
        seen=AccountSeen(name, one.name, AccountType.OTHER, currency),
        raw_id=one.id,
        institution=_institution(one),
        balances=tuple(_balances(one, name, currency)),
        rows=rows,
        unmapped=unmapped,
    )


def _place(one: _Account[Row]) -> str:
    """Return our name for an account: by itself its id may be another bank's as well."""
    org = one.org or _Org()
    where = org.domain or org.id or org.sfin_url or one.conn_id or ""
    if not usable_id(where):
        raise broken(WHAT, "an account's institution has no name", one.id)
    return f"{quote(where, safe='')}/{one.id}"


def _institution(one: _Account[Row]) -> str:
    org = one.org or _Org()
    told = readable([org.name or org.domain or one.conn_name or one.conn_id or ""])
    return told[0] if told else "SimpleFIN"


def _balances(one: _Account[Row], name: str, currency: str) -> Iterable[BalanceSeen]:
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
