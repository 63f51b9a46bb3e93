"""Passwords: which are taken, and how they are kept (security.md L1 to L3, L5).

Kept is bcrypt over base64(HMAC-SHA-384(pepper, password)). bcrypt alone would refuse what is longer
than 72 bytes; the digest in base64 is 64 characters without a NUL. The pepper is not in the
database, so a stolen one cannot even be guessed at. (NIST SP 800-63B §5.1.1, OWASP ASVS 5.0 V6.2)
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import bcrypt

from penstock.domain.errors import InvalidInput, TooManyAttempts
from penstock.domain.secret import Secret

COST: Final = 12
LEAST_CHARACTERS: Final = 8
MOST_BYTES: Final = 1024

_PEPPER_BYTES: Final = 32
_THREADS: Final = 2
_MOST_WAITING: Final = 32
_BCRYPT_DIGITS: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# What everybody tries first. It is a courtesy, not a defence: the throttle is that.
_BANNED: Final = frozenset(
    """
    12345678 123456789 1234567890 password password1 password12 password123 passw0rd p@ssw0rd
    qwertyui qwertyuiop qwerty123 1q2w3e4r 1q2w3e4r5t 1qaz2wsx asdfghjkl zaq12wsx iloveyou
    sunshine princess football baseball welcome1 letmein1 trustno1 superman starwars whatever
    computer michelle jennifer corvette maverick changeme administrator abcd1234 abc12345 11111111
    00000000 88888888 12341234 87654321 987654321 0987654321 qwer1234 test1234 monkey123 dragon12
    """.split()
)
_CONTEXT: Final = ("penstock", "banking", "mybank")

R = TypeVar("R")

Compare = Callable[[bytes, bytes], bool]
"""Says whether a digest is that of a stored hash."""


class PasswordRefused(InvalidInput):
    """This password is not one that we take."""


class Passwords:
    """Hashes and checks passwords, on threads of its own: it takes a quarter of a second each.

    `cost` is bcrypt's, the binary logarithm of its rounds; `compare` is bcrypt's comparison.
    """

    def __init__(
        self, pepper: bytes, *, cost: int = COST, compare: Compare = bcrypt.checkpw
    ) -> None:
        if len(pepper) < _PEPPER_BYTES:
            raise ValueError(f"a pepper has at least {_PEPPER_BYTES} bytes")
        self._pepper = pepper
        self._cost = cost
        self._compare = compare
        # Of nobody's password, but as long to check as a real one: no thread had to make it.
        tail = "".join(secrets.choice(_BCRYPT_DIGITS) for _ in range(31))
        self._nobody = bcrypt.gensalt(cost).decode() + tail
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: Secret) -> str:
        """Return what may be stored. Raises TooManyAttempts where too many wait already."""
        return await self._work(partial(self._hash, password.reveal()))

    async def matches(self, password: Secret, stored: str | None) -> bool:
        """Say whether it is the password; None (there is nobody) takes as long, and is never it.

        Raises TooManyAttempts where too many wait already.
        """
        same = await self._work(partial(self._check, password.reveal(), stored or self._nobody))
        return same and stored is not None

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()

    async def _work(self, call: Callable[[], R]) -> R:
        if self._waiting >= _MOST_WAITING:
            raise TooManyAttempts("Too many people are signing in at once.", retry_after=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(self._digest(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def _check(self, password: str, stored: str) -> bool:
        return self._compare(self._digest(password), stored.encode("ascii"))

    def _digest(self, password: str) -> bytes:
        # The same letters typed on another machine may be composed otherwise (RFC 8265 §4.2).
        content = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
        return base64.b64encode(hmac.digest(self._pepper, content, hashlib.sha384))


def is_plausible(password: Secret) -> bool:
    """Say whether it could be anybody's password: what is too long is never hashed (L2)."""
    text = password.reveal()
    return len(text) <= MOST_BYTES and len(text.encode("utf-8", "surrogatepass")) <= MOST_BYTES


def check_new(password: Secret, username: str) -> None:
    """Refuse a password that is too short, too long, or what everybody tries first.

    At least 8 characters of any kind, at most 1 KiB. Raises PasswordRefused.
    """
    text = password.reveal()
    if not is_plausible(password):
        raise PasswordRefused(f"A password has at most {MOST_BYTES} bytes.")
    if len(text) < LEAST_CHARACTERS:
        raise PasswordRefused(f"A password has at least {LEAST_CHARACTERS} characters.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PasswordRefused("The password holds half of a surrogate pair, which nobody can type.")
    plain = text.casefold().strip("0123456789!?.-_ ")
    one_key = len(set(text)) == 1 and len(text) < 2 * LEAST_CHARACTERS
    if text.casefold() in _BANNED or one_key or plain in (*_CONTEXT, username):
        raise PasswordRefused("That password is among the first that anybody would try.")
