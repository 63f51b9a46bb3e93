"""What an account says of itself, in one way of writing: an IBAN, alone or with its currency.

One IBAN may be that of several accounts, each in a currency of its own: some banks tell the
currency with it, and some, and all files, do not.
"""

import re
from typing import Final

_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}")
_WITH_CURRENCY: Final = re.compile(r"(.*\S)\s+([A-Za-z]{3})")


def iban_of(text: str) -> str | None:
    """Return an IBAN as it is written without blanks; None for what is none."""
    plain = re.sub(r"\s", "", text).upper()
    return plain if _IBAN.fullmatch(plain) else None


def as_written(identity: str) -> str:
    """Return an identity in our way of writing: only that of an IBAN is known."""
    iban, currency = _parts(identity)
    return " ".join(filter(None, (iban, currency))) if iban else identity


def forms_of(identity: str, currency: str) -> tuple[str, ...]:
    """Return under which identities an account in this currency may be known."""
    iban, _ = _parts(identity)
    if iban is None:
        return (identity,)
    return (iban, f"{iban} {currency}") if currency else (iban,)


def _parts(identity: str) -> tuple[str | None, str]:
    """Return an identity's IBAN, and the currency that stands behind it."""
    found = _WITH_CURRENCY.fullmatch(identity.strip())
    if found and (iban := iban_of(found[1])):
        return iban, found[2].upper()
    return iban_of(identity), ""
