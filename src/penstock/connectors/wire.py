"""Reading what a provider sent: typed, exact, and with a clear complaint where it is wrong."""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from penstock.domain.currency import minor_digits
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.money import canonical, from_minor
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Unmapped

T = TypeVar("T")

PLACEHOLDERS: Final = frozenset({"0"})
"""What banks send where they have no id (sync.md 13)."""

_NUL: Final = b"\\u0000"
_AMOUNT = re.compile(r"-?[0-9]{1,20}(?:\.([0-9]{1,18}))?")
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{1,11}")  # ISO 4217, and what has no code there
_PLACE = re.compile(r"`\$\.(\w+)\[(\d+)\]")
_LONGEST_NAME = 80
_LONGEST_CODE = 12
CANNOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that are not what they should be."""


def decode(body: bytes, decoder: msgspec.json.Decoder[T], what: str, id_field: str = "id") -> T:
    """Return an answer's body as what it should be.

    A NUL character becomes U+FFFD, for databases keep no NUL. Raises ContractBroken, which names
    the row (by its `id_field`) and the field that cannot be read.
    """
    try:
        return decoder.decode(clean(body))
    except CANNOT_READ as error:
        row = _row_of(body, str(error), id_field)
        raise broken(what, str(error) or type(error).__name__, row) from None


def clean(body: bytes) -> bytes:
    """Return a body whose texts every database keeps: none takes a NUL character.

    It is looked for from its end, for then a backslash is what is looked for first: there are fewer
    of them in a body than noughts, and it takes half the time.
    """
    return body.replace(_NUL, b"\\ufffd") if body.rfind(_NUL) >= 0 else body


def each_mapped(
    rows: Iterable[msgspec.Raw],
    mapped: Callable[[bytes], T],
    *,
    id_field: str = "id",
    account_field: str | None = "account_id",
) -> tuple[list[T], list[Unmapped]]:
    """Map rows one by one; return what could be mapped, and the others as they came.

    `id_field` and `account_field` are where a row says who it is and whose.
    """
    good: list[T] = []
    bad: list[Unmapped] = []
    for raw in rows:
        text = bytes(raw)
        try:
            good.append(mapped(text))
        except ContractBroken as error:
            account = _text_in(text, account_field) if account_field else None
            bad.append(Unmapped(account, _text_in(text, id_field), error.message, text))
    return good, bad


class LooseDelta(msgspec.Struct):
    """A page of a delta whose rows are not looked into yet."""

    added: list[msgspec.Raw]
    modified: list[msgspec.Raw]
    removed: list[msgspec.Raw]
    next_cursor: str
    has_more: bool


LOOSE_DELTA: Final = msgspec.json.Decoder(LooseDelta)


def row_or_removal(
    raw: bytes,
    row: Callable[[bytes], TransactionSeen],
    removal: Callable[[bytes], Removal],
    of_rows: frozenset[str],
) -> TransactionSeen | Removal:
    """Map one entry of a delta, whichever list it came from. Raises ContractBroken.

    A removal names a row and no more: what has any of the fields `of_rows` is, or tries to be, a
    row that stands.
    """
    try:
        return row(raw)
    except ContractBroken:
        if _holds_any(raw, of_rows):
            raise
        return removal(raw)


def _holds_any(raw: bytes, fields: frozenset[str]) -> bool:
    try:
        content = msgspec.json.decode(clean(raw))
    except CANNOT_READ:
        return True
    return not isinstance(content, dict) or not fields.isdisjoint(content)


def _text_in(raw: bytes, field: str) -> str | None:
    """Return a row's field where it is a usable text: the rest of the row may be anything."""
    try:
        row = msgspec.json.decode(clean(raw))
    except CANNOT_READ:
        return None
    value = row.get(field) if isinstance(row, dict) else None
    return value if isinstance(value, str) and usable_id(value) else None


def broken(what: str, why: str, row: object = None) -> ContractBroken:
    """Return the error for an answer that cannot be used; `row` is the id of the culprit."""
    place = "" if row is None else f", row {str(row)[:_LONGEST_NAME]!r}"
    return ContractBroken(f"The bank's {what}{place}: {why}")


@lru_cache(maxsize=8192)
def amount_of(text: str, currency: str) -> Decimal:
    """Return a decimal text as canonical money. Raises InvalidInput for anything else.

    Remembered, for people pay the same prices again and again; and what is written the canonical
    way already needs no rounding to find that out.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text[:_LONGEST_NAME]!r} is no amount.")
    if not usable_currency(currency):
        raise InvalidInput(f"{currency[:_LONGEST_NAME]!r} is no currency.")
    amount = Decimal(text)
    if amount and len(found[1] or "") == minor_digits(currency):
        return amount
    return canonical(amount, currency)


@lru_cache(maxsize=8192)
def amount_of_minor(units: int, currency: str) -> Decimal:
    """Return a number of a currency's smallest coins as canonical money.

    Remembered, as `amount_of` is. Raises InvalidInput for what is too much to be money, and
    where the currency can be none.
    """
    if not usable_currency(currency):
        raise InvalidInput(f"{currency[:_LONGEST_NAME]!r} is no currency.")
    return canonical(from_minor(units, currency), currency)


def usable_currency(text: str) -> bool:
    """Tell whether this can be a currency's code; `NaN` and `null` cannot."""
    return len(text) <= _LONGEST_CODE and _is_code(text)


@lru_cache(maxsize=1024)
def _is_code(text: str) -> bool:
    return _CURRENCY.fullmatch(text) is not None


def usable_id(text: str) -> bool:
    """Tell whether a row can be known by this id; a blank one is none, nor a placeholder."""
    return bool(text) and text not in PLACEHOLDERS and not text.isspace()


def _row_of(body: bytes, complaint: str, id_field: str) -> object:
    """Return the id of the row that a decoder complained about, if that can be found out."""
    place = _PLACE.search(complaint)
    if place is None:
        return None
    try:
        row = msgspec.json.decode(body)[place[1]][int(place[2])]
    except (*CANNOT_READ, KeyError, IndexError, TypeError):
        return None
    return row.get(id_field) if isinstance(row, dict) else None
