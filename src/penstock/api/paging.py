"""Pages of a list: `?limit=` and an opaque `?cursor=`, which says where the last page ended.

A cursor holds the position of a row, the list it belongs to, and a checksum over both. It is no
secret and opens nothing (every query is the owner's own); the checksum is there so that a cut,
altered or foreign cursor is a clear error and never a page from somewhere else. Anybody can make
one up all the same, so what it holds is asked of no database that could not have said it.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import Depends, Query

from penstock.api.errors import BadCursor

MOST_ROWS: Final = 500
_CHECK: Final = 6  # bytes: one wrong cursor in 2^48 goes unnoticed
MOST_CHARACTERS: Final = 600
_MOST: Final = 2**63 - 1  # a row's number has 64 bits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page is asked for. `limit` is 1 to 500 rows."""

    cursor: str | None
    limit: int

    def position(self, listing: str, shape: type[T]) -> T | None:
        """Return where the page begins (after this row), None at the beginning.

        `shape` is the position's type, as given to `cursor_after`: int, or a NamedTuple of days
        and numbers. Raises BadCursor.
        """
        return None if self.cursor is None else _read(self.cursor, listing, shape)


def cursor_after(listing: str, position: object) -> str:
    """Return the cursor of the page that follows the row at `position`.

    `listing` names the list and its filters: a cursor is good for that very list only.
    `position` is what orders the list: a number, or a NamedTuple of days and numbers.
    """
    content = msgspec.json.encode(position)
    return _text(_checksum(listing, content) + content)


async def _wanted(
    cursor: Annotated[
        str | None,
        Query(
            description="`next_cursor` of the page before.",
            max_length=MOST_CHARACTERS,
            examples=["v0e_x-xWWzMsMSwxXQ"],
        ),
    ] = None,
    limit: Annotated[
        int, Query(description="Rows at most.", ge=1, le=MOST_ROWS, examples=[100])
    ] = 100,
) -> Wanted:
    return Wanted(cursor, limit)


Page = Annotated[Wanted, Depends(_wanted)]
"""Write `page: Page` among a route's parameters to take `?cursor=` and `?limit=`."""


def _read(cursor: str, listing: str, shape: type[T]) -> T:
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        check, content = raw[:_CHECK], raw[_CHECK:]
        if check != _checksum(listing, content) or _text(raw) != cursor:
            raise BadCursor
        position = msgspec.json.decode(content, type=shape)
    except (UnicodeError, binascii.Error, msgspec.MsgspecError):
        raise BadCursor from None
    if not _is_storable(position):
        raise BadCursor
    return position


def _is_storable(value: object) -> bool:
    """Say whether a database could have said it: no text holds a NUL, each instant has a zone."""
    if isinstance(value, int):
        return abs(value) <= _MOST
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return all(map(_is_storable, value)) if isinstance(value, Iterable) else True


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _checksum(listing: str, content: bytes) -> bytes:
    key = hashlib.blake2b(listing.encode(), digest_size=16).digest()
    return hashlib.blake2b(content, digest_size=_CHECK, key=key).digest()
