"""A master key, and what is derived from it; the key itself encrypts nothing."""

import base64
import binascii
import hmac
import re
from hashlib import sha256
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.domain.errors import KeyWrong
from penstock.domain.remedy import fix_code
from penstock.domain.secret import MASK, Secret

KEY_BYTES: Final = 32
_FEWEST_DIFFERENT: Final = 12  # 32 random bytes with fewer: one time in 10 to the 19th.
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


class Key:
    """32 secret bytes. `id` names the key without telling anything about it."""

    __slots__ = ("_raw", "id")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES or len(set(raw)) < _FEWEST_DIFFERENT:
            raise KeyWrong(
                f"The key is not {KEY_BYTES} random bytes.",
                remedy=fix_code(
                    "Give it as base64 or hex, as it was when this installation was made. "
                    "For a new one: `python -c 'import secrets; print(secrets.token_hex(32))'`."
                ),
            )
        self._raw = raw
        self.id = self.derive("id")[:4].hex()

    @classmethod
    def parse(cls, text: Secret) -> Self:
        """Read a key from base64 (either alphabet, padded or not) or hex. Raises KeyWrong."""
        plain = text.reveal().strip()
        if _HEX.fullmatch(plain):
            return cls(bytes.fromhex(plain))
        padded = plain.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            return cls(base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True))
        except (binascii.Error, ValueError):
            return cls(b"")

    def written(self) -> Secret:
        """Return the key as `parse` reads it, for its owner's keeping."""
        return Secret(base64.urlsafe_b64encode(self._raw).decode())

    def raw(self) -> bytes:
        """Return the bytes, to be wrapped by another key."""
        return self._raw

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for one purpose, from which no other purpose's follow (RFC 5869)."""
        info = f"penstock {purpose} v1".encode()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._raw)

    def __repr__(self) -> str:
        return f"Key({self.id}, {MASK})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("A Key is not pickled.")


def check_value(key: Key) -> str:
    """Return what the database keeps to know its key again; the key does not follow from it."""
    return hmac.new(key.derive("check"), b"penstock", sha256).hexdigest()


def confirm(key: Key, expected: str, *, opened_by: str = "") -> None:
    """Make sure that `key` is the one whose `check_value` is `expected`. Raises KeyWrong.

    `opened_by` is the master key that opened it, where it is none itself.
    """
    if not hmac.compare_digest(check_value(key).encode(), expected.encode()):
        raise KeyWrong(
            f"The key {opened_by or key.id} is not the one that this database was made with.",
            remedy=fix_code(
                "Put the right key back: nothing was changed, and all is readable with it. "
                "If it is lost for good, link the banks again in a new home."
            ),
        )
