"""What of a person's accounts counts into what they are worth, and what would count twice.

Beware of investment accounts: some providers state the money on one (SnapTrade, the sandbox bank),
some the whole, money and positions together (MX, Plaid). Which, each connector declares
(domain/says.py). Of the first kind the balance and the positions count; a position that stands for
cash is in the balance already. Of the second kind the balance counts, and the positions take the
place of what the institution says they are worth in it: what is left is money. Where it does not
say so of each of them, in the balance's currency, the balance alone counts, undivided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.holding import SecurityType
from penstock.domain.says import Invested
from penstock.domain.valuation import Line, Reason, Source, Valued, in_whole_units, product, total


class Kind(StrEnum):
    """What a part of one's worth is made of: a type of security, money, or what is owed."""

    STOCK = "stock"
    ETF = "etf"
    FUND = "fund"
    BOND = "bond"
    CRYPTO = "crypto"
    OPTION = "option"
    CASH = "cash"
    CREDIT = "credit"
    LOAN = "loan"
    UNDIVIDED = "undivided"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Standing:
    """What an institution says stands on an account. `walked`: moved to the day by its rows."""

    kind: BalanceKind
    amount: Decimal
    currency: str
    as_of: datetime
    walked: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a day: what it says of itself, what stands on it, and what it holds."""

    key: str
    name: str
    type: AccountType
    currency: str
    institution: str
    invested: Invested
    balances: Sequence[Standing] = ()
    lines: Sequence[tuple[str, str, Line]] = ()
    """Of each position its key, its name, and what it is worth."""
    unknown: str = ""
    """Why nothing is known of it on this day, where that is so."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what somebody is worth. `valued` None: it is missing, and `reason` says why.

    `key` is the position's or the account's. `within`: it is in another part already, and does not
    count.
    """

    key: str
    name: str
    account: str
    institution: str
    kind: Kind
    valued: Valued | None
    currency: str
    reason: Reason | None = None
    why: str = ""
    flags: tuple[str, ...] = ()
    within: bool = False
    line: Line | None = None


_OF_ACCOUNTS: Final[Mapping[AccountType, Kind]] = {
    AccountType.CREDIT_CARD: Kind.CREDIT,
    AccountType.LOAN: Kind.LOAN,
    AccountType.OTHER: Kind.OTHER,
}
_SPENDABLE: Final = frozenset({AccountType.CHECKING, AccountType.SAVINGS})
"""Of these, what can be spent is what stands there, or near it; of a card it is the free credit."""


def parts(account: Account) -> list[Part]:
    """Return what an account contributes."""
    standing = _counted(account)
    if account.unknown or not (standing or account.lines):
        why = account.unknown or "The institution states no balance of it."
        reason = Reason.NOT_KNOWN_YET if account.unknown else Reason.NO_BALANCE
        return [_missing(account, reason, why)]
    if not account.lines:
        return [_of_balance(account, one, _undivided(account)) for one in standing]
    if account.invested is Invested.TOTAL and standing:
        return _of_total(account, standing)
    holds = {in_whole_units(one.currency)[0] for one in standing}
    return [
        *(_of_balance(account, one, Kind.CASH) for one in standing),
        *(_of_line(account, one, within=_is_money(one[2], holds)) for one in account.lines),
    ]


def _counted(account: Account) -> list[Standing]:
    """Return the balance that counts in each currency: of posted rows, else what can be spent."""
    found: dict[str, Standing] = {}
    for one in account.balances:
        spendable = one.kind is BalanceKind.AVAILABLE and account.type in _SPENDABLE
        if one.kind is BalanceKind.CURRENT or (spendable and one.currency not in found):
            found[one.currency] = one
    return [found[currency] for currency in sorted(found)]


def _of_total(account: Account, standing: Sequence[Standing]) -> list[Part]:
    stated = [line.theirs for _, _, line in account.lines]
    told = [one for one in stated if one is not None]
    (whole, *others) = standing
    currency, scale = in_whole_units(whole.currency)
    divided = (
        not others and len(told) == len(stated) and {one.currency for one in told} == {currency}
    )
    if not divided:
        return [
            *(_of_balance(account, one, Kind.UNDIVIDED) for one in standing),
            *(_of_line(account, one, within=True) for one in account.lines),
        ]
    left = total((product(whole.amount, scale), *(-one.exact for one in told)))
    money = Valued(Source.BALANCE, left, currency, whole.as_of)
    rest = Part(
        key=account.key,
        name=account.name,
        account=account.key,
        institution=account.institution,
        kind=Kind.CASH,
        valued=money,
        currency=currency,
        flags=("rest_of_total",),
    )
    return [rest, *(_of_line(account, one) for one in account.lines)]


def _undivided(account: Account) -> Kind | None:
    """Return what a broker's whole is, of which it does not say what it is made of."""
    whole = account.type is AccountType.INVESTMENT and account.invested is Invested.TOTAL
    return Kind.UNDIVIDED if whole else None


def _is_money(line: Line, holds: set[str]) -> bool:
    """Whether a position is in the account's balance already."""
    currency = in_whole_units(line.position.currency)[0]
    return line.position.type is SecurityType.CASH and currency in holds


def _of_balance(account: Account, one: Standing, kind: Kind | None = None) -> Part:
    currency, scale = in_whole_units(one.currency)
    flags = []
    if one.kind is BalanceKind.AVAILABLE:
        flags.append("available_only")
    if one.walked:
        flags.append("walked")
    return Part(
        key=account.key,
        name=account.name,
        account=account.key,
        institution=account.institution,
        kind=kind or _OF_ACCOUNTS.get(account.type, Kind.CASH),
        valued=Valued(Source.BALANCE, product(one.amount, scale), currency, one.as_of),
        currency=currency,
        flags=tuple(flags),
    )


def _of_line(account: Account, one: tuple[str, str, Line], *, within: bool = False) -> Part:
    key, name, line = one
    return Part(
        key=key,
        name=name,
        account=account.key,
        institution=account.institution,
        kind=Kind(line.position.type),
        valued=line.taken,
        currency=in_whole_units(line.position.currency)[0],
        reason=line.reason,
        why=line.why,
        flags=line.flags,
        within=within,
        line=line,
    )


def _missing(account: Account, reason: Reason, why: str) -> Part:
    return Part(
        key=account.key,
        name=account.name,
        account=account.key,
        institution=account.institution,
        kind=_OF_ACCOUNTS.get(account.type, Kind.CASH),
        valued=None,
        currency=account.currency,
        reason=reason,
        why=why,
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is compared of two accounts, to find one that was linked twice."""

    key: str
    connection: int
    connector: str
    institution: str | None
    external_id: str
    identity: str | None
    name: str
    type: str
    mask: str | None
    currency: str
    live: bool
    as_of: datetime | None


def twins(accounts: Iterable[Likeness]) -> dict[str, str]:
    """Return which accounts are another one, linked a second time: their keys, and the other's.

    Two connections tell of the same account where it says the same of itself (an IBAN), or where
    the connector, the institution, and either its id there or its name, type and last digits are
    the same, and it says nothing else of itself. The one that counts is connected, and the one
    stated last.
    """
    counted: list[Likeness] = []
    found: dict[str, str] = {}
    for one in sorted(accounts, key=_worse):
        other = next((each for each in counted if _same(one, each)), None)
        if other is None:
            counted.append(one)
        else:
            found[one.key] = other.key
    return found


def _worse(one: Likeness) -> tuple[bool, float, str]:
    return (not one.live, -one.as_of.timestamp() if one.as_of else 0.0, one.key)


def _same(one: Likeness, other: Likeness) -> bool:
    if one.connection == other.connection or one.currency != other.currency:
        return False
    if None not in (one.identity, other.identity):
        return one.identity == other.identity
    if (one.connector, one.institution) != (other.connector, other.institution):
        return False
    if one.external_id == other.external_id:
        return True
    known = one.mask is not None and one.mask == other.mask
    return known and (one.name, one.type) == (other.name, other.type)
