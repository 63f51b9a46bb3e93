"""How the columns of a bank's CSV are to be read: said once by a person, saved, never guessed."""

import dataclasses
import re
from collections.abc import Mapping as Values
from dataclasses import dataclass
from typing import Any, Final

from penstock.domain.errors import InvalidInput
from penstock.files.days import check_pattern
from penstock.files.text import known
from penstock.files.trouble import shown

_DELIMITERS: Final = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_THOUSANDS: Final = {"none": "", "space": " ", "point": ".", "comma": ",", "apostrophe": "'"}
_DECIMALS: Final = {"point": ".", "comma": ","}
_MOST: Final = 200
_NOT_TEXTS: Final = ("skip", "skip_end", "header")


@dataclass(frozen=True, slots=True)
class Mapping:
    """The columns are named as the header names them, or by their number from 1.

    Either `amount` is a column with signs (`sign`: `plain`, + is towards you; `inverted`), or there
    are `debit` and `credit`, without signs. A `direction` column says with one of `debit_words`
    that an amount without a sign goes out. `description` may be several columns, with `+` between.
    `currency` is a code for all rows, `currency_column` has one for each.
    """

    date: str
    date_format: str
    decimal: str
    thousands: str
    amount: str = ""
    debit: str = ""
    credit: str = ""
    sign: str = "plain"
    direction: str = ""
    debit_words: str = ""
    description: str = ""
    counterparty: str = ""
    reference: str = ""
    category: str = ""
    value_date: str = ""
    currency: str = ""
    currency_column: str = ""
    id: str = ""
    balance: str = ""
    delimiter: str = ";"
    encoding: str = "utf-8"
    quote: str = '"'
    skip: int = 0
    skip_end: int = 0
    header: bool = True


NAMES: Final = tuple(field.name for field in dataclasses.fields(Mapping))


def mapping_of(given: Values[str, str]) -> Mapping:
    """Return the mapping that these settings say. Raises InvalidInput."""
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        raise InvalidInput(f"A mapping has no {shown(unknown[0])}; it has: {', '.join(NAMES)}.")
    needed = ("date", "date_format", "decimal", "thousands")
    missing = [name for name in needed if not given.get(name) and name not in given]
    if missing:
        raise InvalidInput(
            f"A mapping must say {', '.join(missing)}: it is never guessed how a bank writes. "
            "(`thousands=none` where nothing stands between thousands.)"
        )
    if any(len(value) > _MOST for value in given.values()):
        raise InvalidInput(f"A setting of a mapping has at most {_MOST} characters.")
    read: dict[str, Any] = dict(given)
    read["decimal"] = _DECIMALS.get(given["decimal"], given["decimal"])
    read["thousands"] = _THOUSANDS.get(given["thousands"], given["thousands"])
    read["delimiter"] = _DELIMITERS.get(given.get("delimiter", ";"), given.get("delimiter", ";"))
    found = Mapping(
        **{name: value for name, value in read.items() if name not in _NOT_TEXTS},
        skip=_whole(given.get("skip", "0"), "skip"),
        skip_end=_whole(given.get("skip_end", "0"), "skip_end"),
        header=_yes(given.get("header", "true")),
    )
    _check(found)
    return found


def _check(one: Mapping) -> None:
    check_pattern(one.date_format)
    rules = (
        (bool(one.date), "Say which column is the date."),
        (one.decimal in (".", ","), "The decimal mark is `point` or `comma`."),
        (
            one.thousands in ("", ".", ",", "'", " ", "\u2019") and one.thousands != one.decimal,
            "Between thousands is none, point, comma, space or apostrophe; never the decimal mark.",
        ),
        (
            bool(one.amount) != bool(one.debit or one.credit),
            "Say either `amount`, or `debit` and `credit`.",
        ),
        (bool(one.debit) == bool(one.credit), "Say both `debit` and `credit`."),
        (one.sign in ("plain", "inverted"), "The sign is `plain` or `inverted`."),
        (
            bool(one.direction) == bool(one.debit_words) and not (one.direction and one.debit),
            "A `direction` column needs `debit_words`, and goes with `amount`.",
        ),
        (
            re.fullmatch("([A-Z]{3})?", one.currency) is not None,
            "Write a currency as its three letters.",
        ),
        (len(one.delimiter) == 1 and one.delimiter not in '\r\n"', "A delimiter is one character."),
        (len(one.quote) == 1 and one.quote not in "\r\n\0", "A quote is one character."),
        (known(one.encoding) is not None, "The encoding is utf-8, utf-16, cp1252 or iso-8859-1."),
    )
    for holds, told in rules:
        if not holds:
            raise InvalidInput(told)


def _whole(text: str, name: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text):
        raise InvalidInput(f"{name} is how many lines are left out: a whole number.")
    return int(text)


def _yes(text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidInput("header is true or false.")
    return text == "true"
