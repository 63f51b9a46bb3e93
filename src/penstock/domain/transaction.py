"""One movement on an account."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Whether the movement is on the books yet."""

    PENDING = "pending"
    POSTED = "posted"


class TransactionSeen(NamedTuple):
    """One transaction of a provider's answer. A named tuple, for it is made a million times.

    `account` and `external_id` are the provider's ids. `amount` is in the account's `currency`,
    canonical (domain/money.py), + towards the holder; the original amount is what was paid abroad.
    `external_id` is empty where the bank gives none (domain/naming.py).
    A posted row has `booked_on`; the days are the bank's own, in its own zone.
    `pending_external_id` names the pending row that this posted one replaces.
    """

    account: str
    external_id: str
    status: Status
    amount: Decimal
    currency: str
    booked_on: date | None
    value_on: date | None
    authorized_on: date | None
    description: str
    counterparty: str | None = None
    category: str | None = None
    reference: str | None = None
    original_amount: Decimal | None = None
    original_currency: str | None = None
    pending_external_id: str | None = None


class Removal(NamedTuple):
    """The provider took this transaction back."""

    account: str
    external_id: str
