"""Passwords: which are taken, and how they are kept (security.md L1 to L3, L5).

Kept is bcrypt over base64(HMAC-SHA-384(pepper, password)). bcrypt alone would refuse what is longer
than 72 bytes; the digest in base64 is 64 characters without a NUL. The pepper is not in the
database, so a stolen one cannot even be guessed at. (NIST SP 800-63B §5.1.1, OWASP ASVS 5.0 V6.2)
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.resources import files
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

_HASH_BYTES: Final = 5
_LEET: Final = str.maketrans("@4031!$57", "aaoeiisst")
_CONTEXT: Final = ("penstock", "banking", "mybank", "password")

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
    if is_breached(text) or _says_who(text, username):
        raise PasswordRefused("That password is among the first that anybody would try.")


def is_breached(password: str) -> bool:
    """Say whether a password is one of those that were seen most often in leaks (L5).

    There are some 16,000, of 8 characters or more; capitals do not matter (scripts/breached.py).
    """
    wanted, known = _short_hash(password.casefold()), _breached()
    place = bisect_left(range(len(known) // _HASH_BYTES), wanted, key=lambda n: _nth(known, n))
    return _nth(known, place) == wanted


def _says_who(text: str, username: str) -> bool:
    """Say whether a password is one key, or a word about here with digits or signs around it."""
    one_key = len(set(text)) == 1 and len(text) < 2 * LEAST_CHARACTERS
    words = {*_CONTEXT, username, *re.split(r"[._@+-]", username)} - {""}
    bare = text.casefold().strip("0123456789!?.-_#$ ")
    plain = {bare, bare.translate(_LEET), text.casefold().translate(_LEET)}
    return one_key or bool(words & plain) or any(one == word * 2 for one in plain for word in words)


@cache
def _breached() -> bytes:
    return files("penstock.identity").joinpath("breached.bin").read_bytes()


def _nth(known: bytes, number: int) -> bytes:
    return known[number * _HASH_BYTES : (number + 1) * _HASH_BYTES]


def _short_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_HASH_BYTES]
