"""Amounts as files write them: exactly by the marks that are agreed, or not at all."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput
from penstock.domain.money import canonical
from penstock.files.trouble import shown, unreadable

_SPACES: Final = str.maketrans("", "", "\u00a0\u202f\u2009 \t")
_MINUS: Final = str.maketrans({"\u2212": "-", "\u2013": "-"})
_PLAIN: Final = re.compile(r"([+-]?)([0-9]{1,30})(?:([.,])([0-9]{0,18}))?")
_BOTH: Final = re.compile(
    r"([+-]?)([0-9]{1,3}(?:([.,])[0-9]{3})(?:\3[0-9]{3})*)([.,])([0-9]{1,18})"
)
_GROUP: Final = 3


@dataclass(frozen=True, slots=True)
class Marks:
    """How numbers are written: the decimal mark, and the one between thousands, if any."""

    decimal: str
    thousands: str = ""


def amount_by(text: str, marks: Marks, line: int) -> Decimal:
    """Read an amount that is written exactly as agreed. Raises InvalidInput.

    `-110.7` where the comma is the decimal mark is no number: it is never read as -1107.
    """
    plain = text.strip().translate(_MINUS)
    if marks.thousands != " ":
        plain = plain.strip("\u00a0\u202f\u2009")
    else:
        plain = re.sub("[\u00a0\u202f\u2009]", " ", plain)
    negative = False
    if plain.startswith("(") and plain.endswith(")"):
        negative, plain = True, plain[1:-1].strip()
    elif plain.endswith("-"):
        negative, plain = True, plain[:-1].rstrip()
    sign = plain[:1] if plain[:1] in ("+", "-") else ""
    found = _written(marks).fullmatch(plain.removeprefix(sign).lstrip())
    if not found or (negative and sign):
        raise unreadable(
            line,
            f"{shown(text)} is no amount with {_said(marks)}.",
            "Say how amounts are written: the decimal mark and the one between thousands.",
        )
    whole = found["whole"].replace(marks.thousands, "") if marks.thousands else found["whole"]
    value = Decimal(f"{whole}.{found['fraction'] or '0'}")
    return -value if negative or sign == "-" else value


def _written(marks: Marks) -> re.Pattern[str]:
    grouped = ""
    if marks.thousands:
        grouped = rf"|[0-9]{{1,3}}(?:{re.escape(marks.thousands)}[0-9]{{3}})+"
    fraction = rf"(?:{re.escape(marks.decimal)}(?P<fraction>[0-9]{{0,18}}))?"
    return re.compile(rf"(?P<whole>[0-9]{{1,30}}{grouped}){fraction}")


def _said(marks: Marks) -> str:
    between = f"and {marks.thousands!r} between thousands" if marks.thousands else "and no other"
    return f"the decimal mark {marks.decimal!r} {between}"


def amount_of(text: str, currency: str, line: int) -> Decimal:
    """Read an amount of a format that allows a point or a comma as decimal mark.

    Refused is what can be read in two ways: `1,234` is no amount of a currency with cents.
    Raises InvalidInput.
    """
    plain = text.translate(_SPACES).translate(_MINUS)
    found = _PLAIN.fullmatch(plain)
    if found:
        sign, whole, mark, fraction = found.groups()
        if mark == "," and len(fraction) == _GROUP != minor_digits(currency):
            raise _ambiguous(text, line)
        return Decimal(f"{sign}{whole}.{fraction or '0'}")
    both = _BOTH.fullmatch(plain)
    if not both or both[3] == both[4]:
        raise _ambiguous(text, line)
    return Decimal(f"{both[1]}{both[2].replace(both[3], '')}.{both[5]}")


def exact(amount: Decimal, currency: str, line: int) -> Decimal:
    """Return an amount as we store it. Raises InvalidInput."""
    try:
        return canonical(amount, currency)
    except InvalidInput as error:
        raise unreadable(line, error.message) from None


def _ambiguous(text: str, line: int) -> InvalidInput:
    return unreadable(
        line,
        f"{shown(text)} is no amount that can be read in one way only.",
        "Export the file with a decimal point and nothing between thousands.",
    )
