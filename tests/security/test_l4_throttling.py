"""L4: guessing, from many processes at once."""

import asyncio
import multiprocessing
import sys
from collections.abc import Callable

import pytest

from penstock.db.connect import open_database
from penstock.domain.errors import TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.sessions import SignInRefused, Where
from penstock.identity.throttle import ACCOUNT, PAIR
from tests.databases import Database
from tests.identity.house import GOOD, HOME, Clock, House, make, play

WORKERS = 4
WRONG = Secret("wrong horse battery")


def guesser(
    url: str, worker: int, guesses: int, spread: bool, out: Callable[[object], None]
) -> None:
    """Guess in a process of its own; tell how many guesses reached the hasher, and how many not."""
    hashed = 0

    def compare(_digest: bytes, _stored: bytes) -> bool:
        nonlocal hashed
        hashed += 1
        return False

    async def guess() -> int:
        async with open_database(url) as database:
            identity = make(database, Clock(), compare)
            slots = asyncio.Semaphore(16)

            async def one(n: int) -> bool:
                place = f"198.51.{worker}.{n % 250}" if spread else "198.51.100.7"
                async with slots:
                    try:
                        await identity.sign_in("ada", WRONG, Where(place))
                    except SignInRefused:
                        return False
                    except TooManyAttempts:
                        return True
                raise AssertionError("a wrong password was let in")

            waits = await asyncio.gather(*(one(n) for n in range(guesses)))
            identity.close()
            return sum(waits)

    refused = asyncio.run(guess())
    out((hashed, refused))


def attack(url: str, guesses: int, *, spread: bool) -> tuple[int, int]:
    """Guess from four processes at once; return how many were hashed, and how many had to wait."""
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    workers = [
        context.Process(target=guesser, args=(url, n, guesses // WORKERS, spread, answers.put))
        for n in range(WORKERS)
    ]
    for one in workers:
        one.start()
    told = [answers.get() for _ in workers]
    for one in workers:
        one.join(60)
        assert one.exitcode == 0
    return sum(hashed for hashed, _ in told), sum(waits for _, waits in told)


def held(database: Database, guesses: int, *, spread: bool) -> None:
    """Attack Ada's account, and see what got through; then she signs in at home."""

    async def before(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        await house.identity.sign_in("ada", GOOD, HOME)

    async def after(house: House) -> None:
        assert (await house.identity.sign_in("ada", GOOD, HOME)).access

    play(database.url, before)
    hashed, waits = attack(database.url, guesses, spread=spread)
    assert hashed == (min(ACCOUNT.free, guesses) if spread else PAIR.free)
    assert hashed + waits == guesses
    play(database.url, after)


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the workers are POSIX's")


@pytest.mark.long
def test_parallel_guesses_are_bounded(database: Database) -> None:
    """L4: of 120 guesses by 4 processes from one place 5 are looked at; Ada gets in at home."""
    held(database, 120, spread=False)


@pytest.mark.long
@pytest.mark.parametrize("spread", [False, True], ids=["one place", "many places"])
def test_a_thousand_parallel_guesses(database: Database, spread: bool) -> None:
    """L4: of 1,000 guesses by 4 processes no more are looked at than of a few; Ada gets in."""
    held(database, 1000, spread=spread)
