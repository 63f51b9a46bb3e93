"""Looking a secret up without storing it.

A keyed hash is for what could be guessed (an account number) or must not be found without the key
(a state); a plain hash is for tokens of 256 random bits, which nobody can guess.
"""

import hmac
from hashlib import sha256

from penstock.domain.secret import Secret
from penstock.vault.key import Key


class KeyedHash:
    """Hashes under a key of its own, derived for one purpose (HMAC-SHA-256, RFC 2104)."""

    __slots__ = ("_key",)

    def __init__(self, key: Key, purpose: str) -> None:
        self._key = key.derive(f"hash {purpose}")

    def __call__(self, text: str) -> str:
        """Return the hash of `text`, in hex; without the key nobody can make or compare it."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def __repr__(self) -> str:
        return "KeyedHash(***)"


def hash_token(token: Secret) -> str:
    """Return the SHA-256, in hex, of a token of at least 256 random bits; fit for nothing less."""
    return sha256(token.reveal().encode("utf-8", "surrogatepass")).hexdigest()
