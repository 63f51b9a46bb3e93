"""L1: how passwords are kept."""

import asyncio

import pytest

from penstock.domain.secret import Secret
from penstock.identity.passwords import Passwords
from tests.identity.house import FASTEST, GOOD, PEPPER


def kept(password: str, pepper: bytes = PEPPER) -> str:
    """Return the stored form of a password."""
    return asyncio.run(Passwords(pepper, cost=FASTEST).hash(Secret(password)))


def opens(password: str, stored: str) -> bool:
    """Say whether a password fits a stored form."""
    return asyncio.run(Passwords(PEPPER, cost=FASTEST).matches(Secret(password), stored))


def test_it_is_bcrypt_of_cost_twelve() -> None:
    """L1: as it is used, what is stored begins with `$2b$12`."""
    assert asyncio.run(Passwords(PEPPER).hash(GOOD)).startswith("$2b$12$")


@pytest.mark.parametrize(
    ("one", "other"),
    [("a" * 100, "a" * 101), ("a" * 72, "a" * 73), ("a\0b", "a\0c"), ("a\0", "a"), ("\0a", "\0b")],
)
def test_long_ones_and_nul_are_told_apart(one: str, other: str) -> None:
    """L1: nothing is cut off, neither at bcrypt's 72 bytes nor at a NUL."""
    stored = kept(one)
    assert opens(one, stored)
    assert not opens(other, stored)


def test_a_stolen_hash_needs_the_pepper() -> None:
    """L1: without the key that is not in the database the right password does not fit."""
    assert not opens(GOOD.reveal(), kept(GOOD.reveal(), pepper=bytes(32)))
