"""Public ids: a prefix that says what it is, and the row's number in sortable base 32.

They are names, not secrets: who may see the row behind one is decided by its owner, never by
knowing the id (security.md X1).
"""

from functools import lru_cache
from typing import Final

from penstock.domain.errors import NotFound

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_VALUE: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]  # ten bits at a time
_LENGTH: Final = 13  # 65 bits: every 64-bit row number, all of the same width, so that they sort
_MOST: Final = 2**63 - 1
NOUNS: Final = {
    "acc": "account",
    "bal": "balance",
    "cns": "consent",
    "con": "connection",
    "fac": "factor",
    "hol": "holding",
    "inv": "invitation",
    "lnk": "link",
    "pat": "personal access token",
    "qua": "row in quarantine",
    "run": "sync",
    "sec": "security",
    "ses": "session",
    "sev": "event of a security",
    "sug": "suggestion",
    "txn": "transaction",
    "usr": "person",
}
"""What the prefixes say, in words."""


def public_id(prefix: str, number: int) -> str:
    """Return the public id of a row: `txn_0000000000011` is row 33 of "txn"."""
    return f"{_head(prefix, number >> 20)}{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"


@lru_cache(4096)
def _head(prefix: str, high: int) -> str:
    """Return the beginning that the ids of a million rows have in common."""
    return (
        f"{prefix}_{_DIGITS[high >> 40]}{_PAIRS[high >> 30 & 1023]}"
        f"{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}"
    )


def row_number(prefix: str, text: str) -> int:
    """Return the row number behind a public id. Raises NotFound for anything else."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != _LENGTH:
        raise _unknown(prefix, text)
    number = 0
    for digit in digits:
        if digit not in _VALUE:
            raise _unknown(prefix, text)
        number = number * 32 + _VALUE[digit]
    if number > _MOST:
        raise _unknown(prefix, text)
    return number


def _unknown(prefix: str, text: str) -> NotFound:
    return NotFound(f"There is no {NOUNS[prefix]} with the id {text[:40]!r}.")
