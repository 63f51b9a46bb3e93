"""Refresh tokens and how one follows from another (security.md R1, R3).

The first of a family is 256 random bits. Each later one is derived from the one before it, a random
salt of its row and a key that is not in the database (HMAC-SHA-256). So whoever brings the parent
again can be told the very same successor: none of them is stored, a dump gives none away, and no
token ever has two children.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from penstock.domain.secret import Secret

_BYTES: Final = 32
_PREFIX: Final = "pstr_"  # so that people and secret scanners know one when they see it

RandomBytes = Callable[[int], bytes]


class RefreshTokens:
    """Makes refresh tokens. `key` is at least 32 bytes that are not in the database."""

    def __init__(self, key: bytes, random: RandomBytes = secrets.token_bytes) -> None:
        self._key = hmac.digest(key, b"refresh tokens", sha256)
        self._random = random

    def first(self) -> Secret:
        """Return the first token of a family."""
        return _written(self._random(_BYTES))

    def new_salt(self) -> str:
        """Return what the next successor is derived with."""
        return self._random(_BYTES).hex()

    def successor(self, parent: Secret, salt: str) -> Secret:
        """Return the token that follows this one, the same each time."""
        content = f"{salt}\0{parent.reveal()}".encode("utf-8", "surrogatepass")
        return _written(hmac.digest(self._key, content, sha256))


def _written(content: bytes) -> Secret:
    return Secret(_PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("="))
