"""SWIFT MT940 statements, by the library `mt-940`, message by message.

`:60F:` is what stood there before, `:62F:` after; `RC` and `RD` reverse a credit and a debit. The
entry date has no year: it is the one nearest to the value date. References in `:61:` are the
customer's or say NONREF, so that rows have no id.
"""

import io
import logging
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import mt940

from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.imported import FileRow, Holder, Stated, Statement
from penstock.files import number
from penstock.files.text import decode
from penstock.files.trouble import shown, unreadable

_MESSAGE: Final = re.compile(r"^:20:", re.MULTILINE)
_TAG: Final = re.compile(r"^:([0-9]{2}[A-Z]?|NS):", re.MULTILINE)
_BLOCK: Final = re.compile(r"^\{[1-5]:.*?(?:\{4:|$)|^-\}.*$|^-$|\x03", re.MULTILINE)
logging.getLogger("mt940").setLevel(
    logging.CRITICAL
)  # it writes rows into the log that it cannot read


def read(content: bytes) -> list[Statement]:
    """Read a file. Raises InvalidInput."""
    text = _BLOCK.sub("", decode(content).replace("\r\n", "\n").replace("\r", "\n"))
    starts = [found.start() for found in _MESSAGE.finditer(text)]
    if not starts:
        raise unreadable(1, "there is no message (:20:) in this file.")
    if text[: starts[0]].strip():
        raise unreadable(1, "something stands before the first message (:20:).")
    ends = [*starts[1:], len(text)]
    return [
        _statement(text[start:end].strip("\n") + "\n", line)
        for start, end, line in zip(starts, ends, _lines(text, starts, 1), strict=True)
    ]


def _lines(text: str, places: list[int], first: int) -> list[int]:
    """Return in which lines of a text these places are, counted from `first`; each line once."""
    lines, before = [], 0
    for place in places:
        first += text.count("\n", before, place)
        before = place
        lines.append(first)
    return lines


def _statement(message: str, line: int) -> Statement:
    tags = [found[1] for found in _TAG.finditer(message)]
    if not any(tag.startswith("62") for tag in tags):
        raise unreadable(line, "this message is cut short: it has no closing balance (:62F:).")
    found = _parsed(message, line)
    starts = [one.start() for one in re.finditer("^:61:", message, re.MULTILINE)]
    places = _lines(message, starts, line)
    if len(places) != len(found.transactions):
        raise unreadable(line, f"of {len(places)} rows only {len(found.transactions)} can be read.")
    data = found.data
    currency, account = _currency(data, line), str(data.get("account_identification") or "")
    rows = [
        _row(one.data, currency, place)
        for one, place in zip(found.transactions, places, strict=True)
    ]
    first = min((row.booked_on for row in rows), default=None)
    balances = _balances(data, first, line)
    _check_sum(rows, balances, line)
    closed = max(one.on for one in balances if one.kind is BalanceKind.CURRENT)
    return Statement(_holder(account, currency, line), rows, balances, first or closed, closed)


def _check_sum(rows: list[FileRow], balances: list[Stated], line: int) -> None:
    """Refuse a message of which rows are missing, or that is cut short."""
    [before] = [one.amount for one in balances if one.kind is BalanceKind.OPENING]
    [after] = [one.amount for one in balances if one.kind is BalanceKind.CURRENT]
    if before + sum(row.amount for row in rows) != after:
        raise unreadable(
            line, f"what stood there before ({before}) and the rows do not make up {after} (:62F:)."
        )


def _parsed(message: str, line: int) -> mt940.models.Transactions:
    """Let the library read one message; whatever it raises means that it cannot."""
    try:
        [found] = mt940.parse_statements(io.StringIO(message), options=mt940.Options.all())
    except Exception as error:  # noqa: BLE001 - it raises anything for a line that it cannot read
        text = str(error.args[0]) if error.args else ""
        where = re.search(r":(\d\d\w?):", text)
        said = f" (:{where[1]}:)" if where else ""
        raise unreadable(line, f"the message that begins there cannot be read{said}.") from None
    return found


def _holder(account: str, currency: str, line: int) -> Holder:
    if not account.strip():
        raise unreadable(line, "it does not say which account it is of (:25:).")
    plain = re.sub(rf"\s|{currency}$", "", account.strip())
    bank, _, number_ = plain.rpartition("/")
    return Holder(number_, bank, "", AccountType.CHECKING, currency)


def _currency(data: Mapping[str, Any], line: int) -> str:
    for name in ("final_opening_balance", "intermediate_opening_balance"):
        if data.get(name) is not None:
            return str(data[name].amount.currency)
    raise unreadable(line, "it has no opening balance (:60F:).")


def _row(data: Mapping[str, Any], currency: str, line: int) -> FileRow:
    value_on = _day(data.get("date"))
    booked = _day(data.get("entry_date")) or value_on
    if booked is None or value_on is None:
        raise unreadable(line, "it has no day.")
    amount = data["amount"]
    if amount.currency != currency:
        raise unreadable(line, f"its currency is {shown(str(amount.currency))}, not {currency}.")
    name = " ".join(str(data.get("applicant_name") or "").split())
    purpose = " ".join(str(data.get("purpose") or "").split())
    details = " ".join(str(data.get("transaction_details") or "").split())
    words = purpose or details or str(data.get("extra_details") or "").strip()
    return FileRow(
        line=line,
        id="",
        booked_on=booked,
        amount=number.exact(Decimal(amount.amount), currency, line),
        currency=currency,
        description=words or name or str(data.get("posting_text") or ""),
        value_on=value_on,
        counterparty=name or None,
        reference=_reference(data),
    )


def _reference(data: Mapping[str, Any]) -> str | None:
    for name in ("end_to_end_reference", "customer_reference"):
        said = str(data.get(name) or "").strip()
        if said and said.upper() not in ("NONREF", "NOTPROVIDED"):
            return said
    return None


def _balances(data: Mapping[str, Any], first: date | None, line: int) -> list[Stated]:
    """Return the balances. What stood there before the `first` row is of its day."""
    found = []
    for name, kind in _KINDS:
        one = data.get(name)
        day = _day(one.date) if one is not None else None
        if one is not None and day is not None:
            amount = number.exact(Decimal(one.amount.amount), one.amount.currency, line)
            on = first or day if kind is BalanceKind.OPENING else day
            found.append(Stated(kind, amount, str(one.amount.currency), on))
    kinds = [one.kind for one in found]
    if any(kinds.count(kind) != 1 for kind in (BalanceKind.OPENING, BalanceKind.CURRENT)):
        raise unreadable(line, "it has not one opening and one closing balance (:60F:, :62F:).")
    return found


_KINDS: Final = (
    ("final_opening_balance", BalanceKind.OPENING),
    ("intermediate_opening_balance", BalanceKind.OPENING),
    ("final_closing_balance", BalanceKind.CURRENT),
    ("intermediate_closing_balance", BalanceKind.CURRENT),
    ("available_balance", BalanceKind.AVAILABLE),
)


def _day(said: Any) -> date | None:  # noqa: ANN401 - the library's own date, or nothing
    return date(said.year, said.month, said.day) if isinstance(said, date) else None
