"""Text as pages write it, brought to one form: invisible marks, wide letters, other digits."""

import re
import unicodedata
from typing import Final

from penstock.quotes.separators import Unreadable

LONGEST: Final = 256
"""Characters. What is longer is no price but a piece of a page."""

# Direction marks and isolates, zero-width space and joiners, soft hyphen, byte order mark.
_UNSEEN: Final = (
    "\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
    "\u200b\u200c\u200d\u2060\u00ad\ufeff"
)
_INVISIBLE: Final = dict.fromkeys(map(ord, _UNSEEN))
_SPLIT_BY_NOTHING: Final = re.compile(rf"\d[{_UNSEEN}]+\d")
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SAME: Final = {
    "\uffe0": "\u00a2",  # wide cent
    "\uffe1": "\u00a3",  # wide pound
    "\uffe5": "\u00a5",  # wide yen
    "\uffe6": "\u20a9",  # wide won
    "\u3000": " ",
    "\u2212": "-",  # minus
    "\u2010": "-",
    "\u2011": "-",
    "\ufe63": "-",
    "\u066a": "%",
    "\ufe6a": "%",
    "\ufe69": "$",
    **dict.fromkeys("\t\r\v\f\u2028\u2029\x85", "\n"),
}
_FORMS: Final = str.maketrans(_SAME) | _WIDE | _INVISIBLE
_SPELT: Final = re.compile(
    "[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u842c\u5104\u4ebf]"
    "[\u5186\u5143\u5713\u5706]"
)
_SPACES: Final = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))


def plain(text: str) -> str:
    """Return the text with ASCII digits, signs and letters, without what cannot be seen.

    Raises Unreadable where it is too long, mixes digits of two systems, or has digits that a
    plain reading would swallow: superscripts, fractions, circled numbers.
    """
    if text.isascii() and len(text) <= LONGEST:
        return text.translate(_FORMS)
    if len(text) > LONGEST:
        raise Unreadable(f"it has {len(text)} characters, more than a price has")
    if _SPLIT_BY_NOTHING.search(text):
        raise Unreadable("something that cannot be seen stands between its digits")
    text = text.translate(_FORMS)
    zeros = {ord(letter) - value for letter in text if (value := _digit(letter)) is not None}
    if len(zeros) > 1:
        raise Unreadable("its digits are of different scripts")
    if any(unicodedata.category(letter) in ("No", "Nl") for letter in text):
        raise Unreadable("it has fractions, superscripts or Roman numerals")
    return "".join(_ascii(letter) for letter in text)


def bare(text: str) -> str:
    """Return a sign or a name as tables keep it: nothing invisible, plain single spaces."""
    return text.translate(_FORMS).translate(_SPACES).strip()


def has_digit(text: str) -> bool:
    """Say whether any character of the text stands for a number, in any script."""
    return any(letter.isnumeric() and not _is_ideograph(letter) for letter in text)


def _is_ideograph(letter: str) -> bool:
    return unicodedata.category(letter) == "Lo"


def _digit(letter: str) -> int | None:
    return unicodedata.decimal(letter, None)


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    value = _digit(letter)
    return letter if value is None else str(value)


def spells_number(text: str) -> bool:
    """Say whether a text without digits has a number in ideographs before a currency's sign."""
    return bool(_SPELT.search(text))
