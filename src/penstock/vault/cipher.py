"""Sealing: AES-256-GCM, bound to the one place where the secret belongs (security.md K1).

A sealed text is `v2.<data key id>.<nonce and ciphertext>`, the last in unpadded base64url; `v1.` is
what was sealed under a master key itself. The place is authenticated with it, so a sealed text that
is altered, or moved to another row, field or owner, does not open. Nonces are 96 random bits: good
for 2^32 seals under one key (NIST SP 800-38D §8.3).
"""

import base64
import binascii
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.domain.errors import KeyMissing, SealBroken
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.key import Key

Entropy = Callable[[int], bytes]
"""Returns so many random bytes."""

_SEALED: Final = re.compile(r"(?P<name>v1\.[0-9a-f]{8}|v2\.[0-9a-f]{16})\.(?P<box>[A-Za-z0-9_-]+)")
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


class Keys(Protocol):
    """Where a cipher finds its keys. A key's `name` is as a sealed text begins: `v2.<id>`."""

    def present(self, owner: str) -> tuple[str, AESGCM]:
        """Return the name of the key that seals for an owner, and the key."""

    def named(self, name: str, at: Place) -> AESGCM:
        """Return the key of this name. Raises KeyMissing where it is not here."""


class OneKey:
    """Keys derived from master keys, for everybody: as all was sealed before there were data keys.

    Seals with `key`; opens what `key` or one of the `older` keys has sealed.
    """

    def __init__(self, key: Key, *, older: tuple[Key, ...] = ()) -> None:
        self._name = _v1(key)
        self._boxes = {_v1(one): AESGCM(one.derive("seal")) for one in (*older, key)}

    def present(self, owner: str) -> tuple[str, AESGCM]:  # noqa: ARG002 - whoever it is
        """Return the newest key."""
        return self._name, self._boxes[self._name]

    def named(self, name: str, at: Place) -> AESGCM:
        """Return one of the keys. Raises KeyMissing."""
        if name not in self._boxes:
            raise missing(name, at)
        return self._boxes[name]


def _v1(key: Key) -> str:
    return f"v1.{key.id}"


def missing(name: str, at: Place) -> KeyMissing:
    """Return the error that a key is not here."""
    return KeyMissing(
        f"A secret of {at.row} was sealed with the key {name.partition('.')[2]}, "
        "which is not here.",
        remedy=fix_code("Give that key as well; nothing was changed."),
    )


class Cipher:
    """Seals with the present key of whoever a secret belongs to; opens under any that is here."""

    def __init__(
        self,
        keys: Keys | Key,
        *,
        older: tuple[Key, ...] = (),
        entropy: Entropy = secrets.token_bytes,
    ) -> None:
        self._keys = OneKey(keys, older=older) if isinstance(keys, Key) else keys
        self._entropy = entropy

    def ready(self, owner: str) -> None:
        """Make sure that a secret of this owner's can be sealed now. Raises VaultError.

        For whoever is about to be given what is given once: then it is too late to find out.
        """
        self._keys.present(owner)

    def seal(self, secret: Secret, at: Place) -> str:
        """Return the secret as it may be stored, in that place and no other."""
        name, box = self._keys.present(at.owner)
        nonce = self._entropy(_NONCE_BYTES)
        plain = secret.reveal().encode("utf-8", "surrogatepass")
        return f"{name}.{_encode(nonce + box.encrypt(nonce, plain, _bound(at, name)))}"

    def open(self, sealed: str, at: Place) -> Secret:
        """Return the secret that was sealed for this place.

        Raises SealBroken where it was altered or belongs elsewhere, KeyMissing where it was
        sealed with a key that is not here.
        """
        parts = _SEALED.fullmatch(sealed)
        if parts is None:
            raise broken(at)
        name = parts["name"]
        key = self._keys.named(name, at)
        box = _decode(parts["box"], at)
        try:
            plain = key.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(at, name))
        except (InvalidTag, ValueError):
            raise broken(at) from None
        return Secret(plain.decode("utf-8", "surrogatepass"))


def _bound(at: Place, name: str) -> bytes:
    """Return what is authenticated along: each part with its length, so that none runs over."""
    form, _, key_id = name.partition(".")
    parts = (form, key_id, at.owner, at.row, at.field, str(at.version))
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _encode(box: bytes) -> str:
    return base64.urlsafe_b64encode(box).decode().rstrip("=")


def _decode(text: str, at: Place) -> bytes:
    """Decode, and accept one spelling only: base64 has unused bits that could be altered."""
    try:
        box = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise broken(at) from None
    if _encode(box) != text:
        raise broken(at)
    return box


def broken(at: Place) -> SealBroken:
    """Return the error that a sealed text does not open in its place."""
    return SealBroken(
        f"The {at.field} of {at.row} was altered, or was sealed for another row.",
        remedy=fix_code(
            "Restore that row from a backup, or renew the consent. Find out who wrote to it."
        ),
    )
