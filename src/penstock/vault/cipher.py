"""Sealing: AES-256-GCM, bound to the one place where the secret belongs (security.md K1).

A sealed text is `v1.<key id>.<nonce and ciphertext>`, the last in unpadded base64url. The place
is authenticated with it, so a sealed text that is altered, or moved to another row, field or
owner, does not open. Nonces are 96 random bits: good for 2^32 seals under one key (NIST SP
800-38D §8.3).
"""

import base64
import binascii
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.domain.errors import KeyMissing, SealBroken
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.key import Key

Entropy = Callable[[int], bytes]
"""Returns so many random bytes."""

_FORMAT: Final = "v1"
_SEALED: Final = re.compile(r"v1\.(?P<key>[0-9a-f]{8})\.(?P<box>[A-Za-z0-9_-]+)")
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret belongs: whose it is, in which row, in which field of it.

    `version` counts up where an older seal in the same place must not be taken for the present
    one.
    """

    owner: str
    row: str
    field: str
    version: int = 1


class Cipher:
    """Seals with `key`; opens what `key` or one of the `older` keys has sealed."""

    def __init__(
        self, key: Key, *, older: tuple[Key, ...] = (), entropy: Entropy = secrets.token_bytes
    ) -> None:
        self._key_id = key.id
        self._boxes = {one.id: AESGCM(one.derive("seal")) for one in (*older, key)}
        self._entropy = entropy

    def seal(self, secret: Secret, at: Place) -> str:
        """Return the secret as it may be stored, in that place and no other."""
        nonce = self._entropy(_NONCE_BYTES)
        plain = secret.reveal().encode("utf-8", "surrogatepass")
        box = nonce + self._boxes[self._key_id].encrypt(nonce, plain, _bound(at, self._key_id))
        return f"{_FORMAT}.{self._key_id}.{_encode(box)}"

    def open(self, sealed: str, at: Place) -> Secret:
        """Return the secret that was sealed for this place.

        Raises SealBroken where it was altered or belongs elsewhere, KeyMissing where it was
        sealed with a key that is not here.
        """
        parts = _SEALED.fullmatch(sealed)
        if parts is None:
            raise _broken(at)
        key_id = parts["key"]
        if key_id not in self._boxes:
            raise KeyMissing(
                f"A secret of {at.row} was sealed with the key {key_id}, which is not here.",
                remedy=fix_code("Give that key as well; nothing was changed."),
            )
        box = _decode(parts["box"], at)
        try:
            plain = self._boxes[key_id].decrypt(
                box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(at, key_id)
            )
        except (InvalidTag, ValueError):
            raise _broken(at) from None
        return Secret(plain.decode("utf-8", "surrogatepass"))


def _bound(at: Place, key_id: str) -> bytes:
    """Return what is authenticated along: each part with its length, so that none runs over."""
    parts = (_FORMAT, key_id, at.owner, at.row, at.field, str(at.version))
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _encode(box: bytes) -> str:
    return base64.urlsafe_b64encode(box).decode().rstrip("=")


def _decode(text: str, at: Place) -> bytes:
    """Decode, and accept one spelling only: base64 has unused bits that could be altered."""
    try:
        box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise _broken(at) from None
    if _encode(box) != text:
        raise _broken(at)
    return box


def _broken(at: Place) -> SealBroken:
    return SealBroken(
        f"The {at.field} of {at.row} was altered, or was sealed for another row.",
        remedy=fix_code(
            "Restore that row from a backup, or renew the consent. Find out who wrote to it."
        ),
    )
