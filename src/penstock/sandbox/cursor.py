"""Cursors: opaque tokens that only the bank which made them can read."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from struct import Struct

from penstock.domain.errors import NotFound
from penstock.sandbox.delta import Position

FORMAT = 2
_FIELDS = Struct(">BHQQQQ")
_SEAL = 12


class CursorUnknown(NotFound):
    """This cursor does not belong to these accounts."""


class Cursors:
    """Writes and reads the cursors of one person's world.

    `owner` names the world; a cursor of another owner, of another format, or of a generation
    that was forgotten, is not associated with it.
    """

    def __init__(self, owner: str) -> None:
        self._key = hashlib.sha256(f"sandbox cursor of {owner}".encode()).digest()
        self.generation = 0

    def write(self, position: Position) -> str:
        """Return the token that names a position."""
        fields = _FIELDS.pack(FORMAT, self.generation, *position)
        return urlsafe_b64encode(fields + self._seal(fields)).decode().rstrip("=")

    def read(self, token: str, *, rows: int, version: int) -> Position:
        """Return the position in a world of so many rows and changes. Raises CursorUnknown."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"==")
        except (NotBase64, UnicodeEncodeError):
            raise CursorUnknown from None
        fields, seal = raw[:-_SEAL], raw[-_SEAL:]
        if len(fields) != _FIELDS.size or not hmac.compare_digest(seal, self._seal(fields)):
            raise CursorUnknown
        written, generation, *numbers = _FIELDS.unpack(fields)
        position = Position(*numbers)
        known = (written, generation) == (FORMAT, self.generation)
        if not known or position.row > rows or position.change > version:
            raise CursorUnknown
        return position

    def forget(self) -> None:
        """Make every cursor written so far unknown."""
        self.generation += 1

    def _seal(self, fields: bytes) -> bytes:
        return hmac.digest(self._key, fields, "sha256")[:_SEAL]
