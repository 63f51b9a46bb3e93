"""How passwords are kept, and which are taken."""

import asyncio
import time
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.passwords import COST, PasswordRefused, Passwords, check_new
from tests.identity.house import FASTEST, GOOD, PEPPER


def kept(password: str, pepper: bytes = PEPPER) -> str:
    """Return the stored form of a password."""
    return asyncio.run(Passwords(pepper, cost=FASTEST).hash(Secret(password)))


def opens(password: str, stored: str | None, pepper: bytes = PEPPER) -> bool:
    """Say whether a password fits a stored form."""
    return asyncio.run(Passwords(pepper, cost=FASTEST).matches(Secret(password), stored))


def test_bcrypt_costs_twelve() -> None:
    """L1: as it is used, a password is kept by bcrypt at cost 12."""
    assert asyncio.run(Passwords(PEPPER).hash(GOOD)).startswith(f"$2b${COST}$")
    assert COST >= 12


@settings(max_examples=30)
@given(st.text(max_size=80))
def test_a_password_opens_what_it_closed(password: str) -> None:
    """Any text is a password that fits itself."""
    assert opens(password, kept(password))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a" * 100, "a" * 101),
        ("a" * 72 + "b", "a" * 72 + "c"),
        ("before\0after", "before\0later"),
        ("before", "before\0"),
        (" leading", "leading"),
        ("Capital", "capital"),
    ],
)
def test_passwords_are_told_apart(one: str, other: str) -> None:
    """L1: nothing is cut off, neither at 72 bytes nor at a NUL."""
    assert not opens(other, kept(one))


def test_composed_letters_are_the_same() -> None:
    """A letter typed as one or as two code points is the same letter."""
    assert opens("gar\u00e7on de caf\u00e9", kept("garc\u0327on de cafe\u0301"))


def test_half_a_surrogate_pair_hashes() -> None:
    """X4: what is no Unicode text is refused as a password, not an accident."""
    assert not opens("\ud800\udc00\ud800", kept("other"))


def test_without_the_pepper_nothing_opens() -> None:
    """L1: a hash from a stolen database cannot be guessed at without the key."""
    assert not opens("password", kept("password"), pepper=bytes(32))
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Passwords(b"short")


def test_nobody_has_no_password() -> None:
    """L3: where there is nobody, no password is right."""
    assert not opens("", None)


def test_a_wrong_guess_at_nobody_takes_as_long() -> None:
    """L3: bcrypt runs with the same cost whether there is somebody or not."""
    asked: list[bytes] = []

    def compare(_digest: bytes, stored: bytes) -> bool:
        asked.append(stored)
        return False

    passwords = Passwords(PEPPER, cost=FASTEST, compare=compare)
    real = asyncio.run(passwords.hash(GOOD))
    asyncio.run(passwords.matches(GOOD, real))
    asyncio.run(passwords.matches(GOOD, None))
    somebodys, nobodys = asked
    assert len(somebodys) == len(nobodys)
    assert somebodys[:7] == nobodys[:7] == b"$2b$04$"


def test_hashing_leaves_the_loop_free() -> None:
    """Others are served while a password is hashed."""
    release = Event()

    def compare(_digest: bytes, _stored: bytes) -> bool:
        return release.wait(10)

    async def story() -> bool:
        passwords = Passwords(PEPPER, cost=FASTEST, compare=compare)
        checking = asyncio.create_task(passwords.matches(GOOD, "x"))
        await asyncio.sleep(0)
        release.set()  # the loop came here although the check still waits
        return await checking

    assert asyncio.run(story())


def test_a_flood_is_turned_away() -> None:
    """More than a few dozen at once are asked to come back, so that no queue grows for ever."""
    release = Event()

    def compare(_digest: bytes, _stored: bytes) -> bool:
        return release.wait(10)

    async def story() -> list[object]:
        passwords = Passwords(PEPPER, cost=FASTEST, compare=compare)
        checks = [asyncio.create_task(passwords.matches(GOOD, "x")) for _ in range(40)]
        await asyncio.sleep(0)
        release.set()
        return list(await asyncio.gather(*checks, return_exceptions=True))

    ended = asyncio.run(story())
    assert ended.count(True) == 32
    assert sum(isinstance(one, TooManyAttempts) for one in ended) == 8


@pytest.mark.parametrize(
    "password",
    [
        "\U0001f600" * 64,
        "correct horse battery staple",
        "x y z 1 2 3",
        "пароль-пароль",
        "a" * 7 + "b",
    ],
)
def test_any_characters_are_taken(password: str) -> None:
    """L2: 8 to at least 64 characters of any kind."""
    check_new(Secret(password), "ada")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 8"),
        ("x" * 1025, "at most 1024"),
        ("\U0001f600" * 300, "at most 1024"),
        ("password123", "first that anybody"),
        ("PASSWORD", "first that anybody"),
        ("aaaaaaaaaaaa", "first that anybody"),
        ("penstock2026!", "first that anybody"),
        ("adalovelace1", "first that anybody"),
        ("half \ud800 pair", "surrogate"),
    ],
)
def test_bad_passwords_are_refused(password: str, why: str) -> None:
    """L2, L5: too short, too long, what everybody tries first, one's own name."""
    with pytest.raises(PasswordRefused, match=why):
        check_new(Secret(password), "adalovelace")


def test_a_huge_password_is_refused_fast() -> None:
    """L2: five megabytes cost nothing."""
    huge = Secret("a" * 5_000_000)
    begun = time.perf_counter()
    with pytest.raises(PasswordRefused):
        check_new(huge, "ada")
    assert time.perf_counter() - begun < 0.5
