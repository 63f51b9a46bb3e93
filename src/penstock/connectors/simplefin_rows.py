"""SimpleFIN's transactions, and what they mean. Pure functions over bytes.

After the protocol, version 1.0.7. Money is numeric text, + is in; times are seconds since 1970,
their days those of Greenwich. A transaction's id is unique within its account, which it does not
name.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from typing import Final, TypeVar

import msgspec

from penstock.connectors.wire import (
    PLACEHOLDERS,
    amount_of,
    broken,
    decode,
    each_mapped,
)
from penstock.domain.errors import InvalidInput
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "transactions"
_PENDING: Final = Status.PENDING
_POSTED: Final = Status.POSTED

Row = TypeVar("Row")

RowsOf = Callable[[Sequence[Row], str, str], tuple[list[TransactionSeen], list[Unmapped]]]
"""What maps the transactions of an account, given its name and its currency."""


class Transaction(msgspec.Struct, gc=False):
    """A transaction, as it is told."""

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


_ROW: Final = msgspec.json.Decoder(Transaction)
_ASIDE: Final = msgspec.json.Decoder(_Aside)


def all_mapped(
    rows: Sequence[Transaction], account: str, currency: str
) -> tuple[list[TransactionSeen], list[Unmapped]]:
    """Map an account's transactions, in one plain loop: it runs a million times. ContractBroken.

    `tuple.__new__` makes the same named tuple as calling its class, in half the time.
    """
    mapped: list[TransactionSeen] = []
    for row in rows:
        name = row.id
        if not name or name in PLACEHOLDERS or name.isspace():
            raise broken(WHAT, "`id` is blank", name)
        try:
            amount = amount_of(row.amount, currency)
        except InvalidInput as error:
            raise broken(WHAT, f"`amount`: {error}", name) from None
        try:
            posted = _day(row.posted)
            happened = _day(row.transacted_at or 0)
        except InvalidInput as error:
            raise broken(WHAT, str(error), name) from None
        booked = None if row.pending else posted
        fields = (
            account,
            name,
            _PENDING if booked is None else _POSTED,
            amount,
            currency,
            booked,
            None,
            happened or (posted if booked is None else None),
            row.description,
            row.payee or None,
            None,
            None,
            None,
            None,
            None,
        )
        mapped.append(tuple.__new__(TransactionSeen, fields))
    return mapped, []


def one_by_one(
    rows: Sequence[msgspec.Raw], account: str, currency: str
) -> tuple[list[TransactionSeen], list[Unmapped]]:
    """Map what can be mapped; what cannot goes along whole, as it came."""
    mapped, bad = each_mapped(
        rows, partial(_parse_row, account=account, currency=currency), account_field=None
    )
    return mapped, [_aside(one, account, currency) for one in bad]


def parse_aside(raw: bytes) -> TransactionSeen:
    """Return a transaction that was set aside, from what was kept of it. Raises ContractBroken."""
    aside = decode(raw, _ASIDE, WHAT)
    return _parse_row(bytes(aside.transaction), aside.account, aside.currency)


def _parse_row(raw: bytes, account: str, currency: str) -> TransactionSeen:
    return all_mapped([decode(raw, _ROW, WHAT)], account, currency)[0][0]


@lru_cache(maxsize=8192)
def _day(seconds: int) -> date | None:
    """Return the day of an instant, in Greenwich; 0 is none. Raises InvalidInput.

    Remembered, for who knows no more than a day writes its noon, or its midnight.
    """
    if seconds == 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        raise InvalidInput("a time is none") from None


def _aside(one: Unmapped, account: str, currency: str) -> Unmapped:
    """Return what cannot be mapped with what it would need: a transaction says not whose it is."""
    raw = msgspec.json.encode(_Aside(account, currency, msgspec.Raw(one.raw)))
    return Unmapped(account, one.external_id, one.reason, raw)
