"""Where a master key is: it wraps data keys and unwraps them, and does nothing else (K5).

What it wraps is bound to a context: whose data key it is, and which. The same text under another
context does not open.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.domain.errors import KeyWrong
from penstock.domain.remedy import fix_code
from penstock.vault.cipher import Entropy
from penstock.vault.key import Key

_NONCE_BYTES: Final = 12

Context = Mapping[str, str]
"""What a wrapped key is bound to; no secrets."""


class KeySource(Protocol):
    """A master key, wherever it is. `id` names it in the database, and tells nothing about it."""

    @property
    def id(self) -> str:
        """The master key's name: the same wherever it is reached from."""

    def wrap(self, plain: bytes, context: Context) -> str:
        """Return a data key as it may be stored. Raises VaultError."""

    def unwrap(self, wrapped: str, context: Context) -> bytes:
        """Return a data key. Raises KeyWrong where the text was altered or belongs elsewhere."""


class LocalKey:
    """A master key that is here, from a file or the environment: AES-256-GCM under it."""

    def __init__(self, key: Key, *, entropy: Entropy = secrets.token_bytes) -> None:
        self.key = key
        self._box = AESGCM(key.derive("wrap"))
        self._entropy = entropy

    @property
    def id(self) -> str:
        """The key's own name."""
        return self.key.id

    def wrap(self, plain: bytes, context: Context) -> str:
        """Return a data key as it may be stored."""
        nonce = self._entropy(_NONCE_BYTES)
        box = nonce + self._box.encrypt(nonce, plain, bound(context))
        return base64.urlsafe_b64encode(box).decode().rstrip("=")

    def unwrap(self, wrapped: str, context: Context) -> bytes:
        """Return a data key. Raises KeyWrong."""
        try:
            box = base64.b64decode(
                wrapped + "=" * (-len(wrapped) % 4), altchars=b"-_", validate=True
            )
            return self._box.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], bound(context))
        except (InvalidTag, ValueError, binascii.Error):
            raise altered(context) from None

    def __repr__(self) -> str:
        return f"LocalKey({self.id})"


def bound(context: Context) -> bytes:
    """Write a context the one way."""
    return json.dumps(dict(sorted(context.items())), separators=(",", ":")).encode()


def altered(context: Context) -> KeyWrong:
    """Return the error that a wrapped key does not open."""
    return KeyWrong(
        f"The data key {context.get('key', '')} does not open: it was altered, or is another's.",
        remedy=fix_code("Restore the table `wrapped_keys` from a backup. Nothing was changed."),
    )
