"""A key under a passphrase, for a backup that leaves the house (security.md K4).

scrypt (RFC 7914) makes 32 bytes of the passphrase, and AES-256-GCM seals the key with them. With
N = 2^17, r = 8, p = 1 (the strongest line of OWASP's password storage cheat sheet) each guess
takes 128 MiB and a good part of a second.
"""

import base64
import binascii
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from penstock.domain.errors import InvalidInput, KeyWrong
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.cipher import Entropy
from penstock.vault.key import Key

SHORTEST: Final = 12
COST: Final = 17
_DEAREST: Final = 20  # a file that asks for more only wants our memory: 2^20 takes 1 GiB
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """A key under a passphrase: `cost` is the binary logarithm of scrypt's N; base64 texts."""

    key_id: str
    cost: int
    salt: str
    nonce: str
    box: str

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `as_json` gave. Raises KeyWrong."""
        try:
            sealed = cls(**value)
            for text in (sealed.salt, sealed.nonce, sealed.box):
                base64.b64decode(text, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise _wrong("The sealed key is not one that we made.") from None
        cost: object = sealed.cost  # as the file says it
        if not isinstance(cost, int) or not 1 <= cost <= _DEAREST:
            raise _wrong("The sealed key asks for more than we would ever ask.")
        return sealed


def check_passphrase(passphrase: Secret) -> None:
    """Refuse a passphrase that can be guessed. Raises InvalidInput."""
    if len(passphrase.reveal()) < SHORTEST:
        raise InvalidInput(
            f"The passphrase has fewer than {SHORTEST} characters.",
            remedy=fix_code("Take five or six words that have nothing to do with one another."),
        )


def seal_key(
    key: Key, passphrase: Secret, *, cost: int = COST, entropy: Entropy = secrets.token_bytes
) -> Sealed:
    """Seal a key. Raises InvalidInput for a passphrase that is too short."""
    check_passphrase(passphrase)
    salt, nonce = entropy(_SALT_BYTES), entropy(_NONCE_BYTES)
    plain = key.written().reveal().encode()
    box = AESGCM(_stretch(passphrase, salt, cost)).encrypt(nonce, plain, _bound(key.id, cost))
    return Sealed(key.id, cost, _text(salt), _text(nonce), _text(box))


def open_key(sealed: Sealed, passphrase: Secret) -> Key:
    """Return the key that was sealed. Raises KeyWrong."""
    salt, nonce, box = (base64.b64decode(one) for one in (sealed.salt, sealed.nonce, sealed.box))
    try:
        opener = AESGCM(_stretch(passphrase, salt, sealed.cost))
        plain = opener.decrypt(nonce, box, _bound(sealed.key_id, sealed.cost))
    except (InvalidTag, ValueError):
        raise _wrong("The passphrase does not open the key in this backup.") from None
    return Key.parse(Secret(plain.decode()))


def _stretch(passphrase: Secret, salt: bytes, cost: int) -> bytes:
    plain = passphrase.reveal().encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(plain)


def _bound(key_id: str, cost: int) -> bytes:
    return f"penstock backup key v1 {key_id} scrypt {cost} 8 1".encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _wrong(message: str) -> KeyWrong:
    return KeyWrong(
        message,
        remedy=fix_code(
            "Nothing was changed. Without the passphrase, restore with --without-key and put the "
            "key file back from where you keep it."
        ),
    )
