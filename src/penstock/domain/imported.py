"""What a file of a bank tells: whose rows they are, the rows, and the balances beside them.

A reader (penstock/files) makes these of bytes; the engine brings them into the ledger.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.identity import iban_of
from penstock.domain.naming import OURS

FILES: Final = "files"
"""What stands for a connector's name where a connection is made of files: nobody is asked there."""

OF_FILE: Final = f"{OURS}f/"
"""With this the id of every row begins that only a file has told: then the format follows."""


def source_of(file_format: str) -> str:
    """Return with what the ids of all rows begin that files of this format tell."""
    return f"{OF_FILE}{file_format}/"


@dataclass(frozen=True, slots=True)
class Holder:
    """The account that a file speaks of, as far as it says so.

    `bank` is the bank's own number or BIC, `bank_name` what people call it.
    """

    number: str = ""
    bank: str = ""
    bank_name: str = ""
    type: AccountType = AccountType.OTHER
    currency: str = ""
    name: str = ""

    @property
    def identity(self) -> str | None:
        """Return what stays the same of the account: its IBAN, or its bank and number."""
        plain = re.sub(r"\s", "", self.number).upper()
        return iban_of(plain) or (f"{self.bank.strip()}/{plain}" if plain else None)

    @property
    def mask(self) -> str | None:
        """Return the last digits, by which a person knows it."""
        return re.sub(r"\s", "", self.number)[-4:] or None


class FileRow(NamedTuple):
    """One row of a file: `line` is where it stands, `id` what the bank calls it, if anything.

    `replaces` is the id of an earlier row that this one corrects. `balance` is what stood on the
    account after it, where the file says so.
    """

    line: int
    id: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    value_on: date | None = None
    counterparty: str | None = None
    category: str | None = None
    reference: str | None = None
    original_amount: Decimal | None = None
    original_currency: str | None = None
    replaces: str | None = None
    balance: Decimal | None = None

    @property
    def says(self) -> tuple[object, ...]:
        """Return what it says, wherever it stands."""
        return self[1:]


class Stated(NamedTuple):
    """A balance that a file states; `at` is the instant, where it says that too."""

    kind: BalanceKind
    amount: Decimal
    currency: str
    on: date
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One account's part of a file.

    Its rows are all of the days from `since` to `until`. `removed` are ids that the bank took
    back. `left_out` says what the file tells besides that is not taken over.
    """

    holder: Holder
    rows: Sequence[FileRow] = ()
    balances: Sequence[Stated] = ()
    since: date | None = None
    until: date | None = None
    removed: Sequence[str] = ()
    left_out: Sequence[str] = field(default=())

    @property
    def period(self) -> tuple[date, date] | None:
        """Return the days that are told in full: as it says, and at least those of its rows."""
        days = [row.booked_on for row in self.rows]
        days += [day for day in (self.since, self.until) if day is not None]
        return (min(days), max(days)) if days else None
