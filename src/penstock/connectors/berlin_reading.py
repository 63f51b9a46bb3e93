"""What the banks of Europe mean by amounts, days, words and ids: NextGenPSD2 and its dialects.

Shared by every connector whose provider hands on what such banks say. Pure functions; whatever is
not as it should be is refused by name, as ContractBroken or InvalidInput.
"""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from penstock.connectors.wire import usable_id
from penstock.domain.account import AccountType
from penstock.domain.currency import NO_CURRENCY
from penstock.domain.errors import InvalidInput

NOTHING_SAID: Final = frozenset({"NOTPROVIDED", "NOT PROVIDED"})
"""What stands in a reference that the payer left empty (EPC rule books)."""

SEVERAL: Final = NO_CURRENCY
"""The currency of an account that has several (ISO 4217: none)."""

_TYPES: Final = {
    "CACC": AccountType.CHECKING,
    "TRAN": AccountType.CHECKING,
    "SLRY": AccountType.CHECKING,
    "ODFT": AccountType.CHECKING,
    "SVGS": AccountType.SAVINGS,
    "LLSV": AccountType.SAVINGS,
    "ONDP": AccountType.SAVINGS,
    "MOMA": AccountType.SAVINGS,
    "CARD": AccountType.CREDIT_CARD,
    "LOAN": AccountType.LOAN,
}
_MASK: Final = 4
_LONGEST_DAY: Final = 40
_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T.*)?", re.ASCII)


def first_usable(*ids: str | None) -> str:
    """Return the first id that is one; nothing where there is none: blank and `"0"` are none."""
    for one in ids:
        if one is not None and usable_id(one):
            return one
    return ""


@lru_cache(maxsize=32768)
def day(text: str) -> date | None:
    """Return a day; where a bank writes an instant it is its day there; nothing for a blank.

    Remembered, for many rows are of one day. Raises InvalidInput.
    """
    if not text.strip():
        return None
    found = _DAY.fullmatch(text) if len(text) <= _LONGEST_DAY else None
    try:
        return date.fromisoformat(found[1] if found else text)
    except ValueError:
        raise InvalidInput(f"{text[:_LONGEST_DAY]!r} is no day") from None


@lru_cache(maxsize=8192)
def in_one_line(name: str) -> str:
    """Return a name without breaks. Remembered, for people pay the same few again and again."""
    return " ".join(name.split())


def words(*texts: str | None) -> str:
    """Return what was written, in one line and each text once."""
    told = [" ".join(text.split()) for text in texts if text]
    if len(told) <= 1:
        return told[0] if told else ""
    return " ".join(dict.fromkeys(one for one in told if one))


def reference(*texts: str | None) -> str | None:
    """Return the first reference that says something."""
    for text in texts:
        told = text.strip() if text else ""
        if told and told.upper() not in NOTHING_SAID:
            return told
    return None


def account_type(code: str | None) -> AccountType:
    """Return what kind of account an ISO 20022 code names; without one it is a current account."""
    return _TYPES.get(code or "CACC", AccountType.OTHER)


def mask(*numbers: str | None) -> str | None:
    """Return the last digits of the first number that there is."""
    told = next((one for one in numbers if one and one.strip()), None)
    return told.strip()[-_MASK:] if told else None


def place(name: str, currency: str) -> str:
    """Return our name for an account's money in one currency."""
    return f"{name}/{currency}"


def places_by_currency(places: Iterable[str]) -> dict[str, str]:
    """Return the places of one account by their currency."""
    return {one.rpartition("/")[2]: one for one in places}


def name_of(one: str) -> str:
    """Return the name that is in a place."""
    return one.rpartition("/")[0]
