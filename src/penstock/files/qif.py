"""QIF: rows without ids, days in whatever order a country has them, and amounts by their marks.

Which number of `4/5'26` is the day stands nowhere: where the file itself does not prove it, it is
asked for. Investments are refused by name; lists of categories and the like are passed over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from penstock.domain.account import AccountType
from penstock.domain.imported import FileRow, Holder, Statement
from penstock.files import number
from penstock.files.days import long_year, make_day
from penstock.files.number import Marks
from penstock.files.text import decode
from penstock.files.trouble import shown, unreadable

ORDERS: Final = ("dmy", "mdy", "ymd")
_TYPES: Final = {
    "bank": AccountType.CHECKING,
    "cash": AccountType.OTHER,
    "ccard": AccountType.CREDIT_CARD,
    "oth a": AccountType.OTHER,
    "oth l": AccountType.LOAN,
}
_LISTS: Final = ("cat", "class", "memorized", "security", "prices", "budget", "tag", "template")
_DAY: Final = re.compile(r"([0-9]{1,4})\s*[/.\-]\s*([0-9]{1,2})\s*([/.\-'])\s*([0-9]{1,4})")
_FIELDS: Final = "DTUMPLNCASE$%FIQYOX"

Fields = dict[str, tuple[int, str]]


@dataclass(slots=True)
class _Part:
    """What stands under one account and type."""

    type: str
    name: str
    names_account: bool = False
    found: list[Fields] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Habits:
    """How the program wrote it that made the file: `order` of a day's numbers, the decimal mark."""

    order: str = ""
    decimal: str = ""


def read(content: bytes, currency: str, habits: Habits) -> list[Statement]:
    """Read a file. Raises InvalidInput."""
    if not currency:
        raise unreadable(
            1, "a QIF file does not say in which currency it is.", "Say it: `--currency EUR`."
        )
    parts = list(_parts(decode(content)))
    if not parts:
        raise unreadable(1, "there are no transactions in this file.")
    order = habits.order or _order([row["D"] for part in parts for row in part.found if "D" in row])
    return [
        Statement(
            Holder(type=_TYPES[part.type], currency=currency, name=part.name),
            [_row(fields, currency, order, habits) for fields in part.found],
        )
        for part in parts
    ]


def _parts(text: str) -> Iterator[_Part]:
    """Yield what the file has of transactions, each part under its account's name."""
    part, account, fields = None, "", Fields()
    lines = [(place, line.rstrip()) for place, line in enumerate(text.splitlines(), 1)]
    for place, stands in ((place, line) for place, line in lines if line.strip()):
        if stands[0] == "!":
            _check_ended(fields, place)
            if part is not None and part.type:
                yield part
            part = _begin(stands, place, account)
        elif part is None:
            raise unreadable(place, "it does not begin with !Type.")
        elif part.type:
            fields = _next(part, fields, stands, place)
        elif part.names_account and stands[0] == "N":
            account = stands[1:].strip()
    _check_ended(fields, len(lines))
    if part is not None and part.type:
        yield part


def _check_ended(fields: Fields, place: int) -> None:
    if fields:
        raise unreadable(place, "the row before does not end (^): the file may be cut short.")


def _begin(stands: str, place: int, account: str) -> _Part:
    """Return the part that begins with a heading; without a type it holds no transactions."""
    word, _, rest = stands[1:].lower().partition(":")
    word, kind = word.strip(), rest.strip()
    if word == "account":
        return _Part("", "", names_account=True)
    if word in ("option", "clear") or kind.split(" ")[0] in _LISTS:
        return _Part("", "")
    if word != "type" or kind not in _TYPES:
        raise unreadable(
            place,
            f"{shown(stands)} is not read: only bank, cash, card and other accounts are.",
            "Export each account by itself.",
        )
    return _Part(kind, account)


def _next(part: _Part, fields: Fields, stands: str, place: int) -> Fields:
    """Return the fields of the row under way after this line."""
    if stands[0] == "^":
        if fields:
            part.found.append(fields)
        return {}
    if stands[0] not in _FIELDS:
        raise unreadable(place, f"{shown(stands)} is no line of a row.")
    if stands[0] not in "SE$%":  # splits: the parts of one amount
        fields.setdefault(stands[0], (place, stands[1:].strip()))
    return fields


def _row(fields: Fields, currency: str, order: str, habits: Habits) -> FileRow:
    first = min(place for place, _ in fields.values())
    if "D" not in fields or not ("T" in fields or "U" in fields):
        raise unreadable(first, "this row has no day (D) or no amount (T).")
    line, text = fields.get("T") or fields["U"]
    if habits.decimal:
        marks = Marks(habits.decimal, "," if habits.decimal == "." else ".")
        amount = number.amount_by(text, marks, line)
    else:
        amount = number.amount_of(text, currency, line)
    payee, memo = fields.get("P", (0, ""))[1], fields.get("M", (0, ""))[1]
    return FileRow(
        line=first,
        id="",
        booked_on=_day(*fields["D"], order),
        amount=number.exact(amount, currency, line),
        currency=currency,
        description=memo or payee,
        counterparty=payee or None,
        category=fields.get("L", (0, ""))[1] or None,
        reference=fields.get("N", (0, ""))[1] or None,
    )


def _order(days: list[tuple[int, str]]) -> str:
    """Return in which order the file's days are, where they prove it. Raises InvalidInput."""
    possible = set(ORDERS)
    for place, text in days:
        possible &= {order for order in ORDERS if _read_day(text, order) is not None}
        if not possible:
            raise unreadable(place, f"{shown(text)} is no day, as those before it are written.")
    if len(possible) == 1:
        return possible.pop()
    raise unreadable(
        days[0][0] if days else 1,
        "which number of a day is the month, no day of this file says.",
        "Say it: `--date-order dmy` (31/12/26), `mdy` (12/31/26) or `ymd`.",
    )


def _day(line: int, text: str, order: str) -> date:
    day = _read_day(text, order)
    if day is None:
        raise unreadable(line, f"{shown(text)} is no day in the order {order}.")
    return day


def _read_day(text: str, order: str) -> date | None:
    """Read a day in this order. Behind an apostrophe the year is of this century."""
    found = _DAY.fullmatch(text.strip())
    if found is None:
        return None
    parts = dict(zip(order, (found[1], found[2], found[4]), strict=True))
    if len(parts["y"]) not in (1, 2, 4) or max(len(parts["d"]), len(parts["m"])) > 2:  # noqa: PLR2004 - digits
        return None
    year = int(parts["y"])
    if len(parts["y"]) != 4:  # noqa: PLR2004 - a year in full
        year = 2000 + year if found[3] == "'" else long_year(year)
    return make_day(year, int(parts["m"]), int(parts["d"]))
