"""How often somebody may guess."""

import asyncio

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from penstock.db.sign_in_attempts import sign_in_attempts
from penstock.domain.errors import TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.sessions import SignInRefused, Where
from penstock.identity.throttle import ACCOUNT, ADDRESS, PAIR, Allowance, network_of
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, make, play

WRONG = Secret("wrong horse battery")


async def guess(house: House, name: str = "ada", address: str = HOME.address) -> str:
    """Guess wrong; say what came of it."""
    try:
        await house.identity.sign_in(name, WRONG, Where(address))
    except SignInRefused:
        return "wrong"
    except TooManyAttempts:
        return "wait"
    return "in"


@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(1, 5000))
def test_waits_grow_and_end(attempts: int, free: int, longest: int) -> None:
    """L4: the wait after one attempt more is never shorter, and never longer than its longest."""
    allowance = Allowance(free, longest)
    now, then = (allowance.wait_after(n) for n in (attempts, attempts + 1))
    assert now is None or then is not None
    if now is not None and then is not None:
        assert now <= then
        assert then.total_seconds() <= longest


def test_the_fifth_wrong_guess_must_wait(database: Database) -> None:
    """L4: five guesses are free; then the wait doubles, for the right password too."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        assert [await guess(house) for _ in range(7)] == ["wrong"] * 5 + ["wait"] * 2
        with pytest.raises(TooManyAttempts) as caught:
            await house.identity.sign_in("ada", GOOD, HOME)
        assert caught.value.retry_after == 1
        waits = []
        for _ in range(12):
            house.clock.advance(seconds=caught.value.retry_after)
            assert await guess(house) == "wrong"
            with pytest.raises(TooManyAttempts) as caught:
                await house.identity.sign_in("ada", GOOD, HOME)
            waits.append(caught.value.retry_after)
        assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]

    play(database.url, story)


def test_somebody_at_home_is_not_locked_out(database: Database) -> None:
    """L4: strangers who guess at an account do not keep the person out of a known place."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        await house.identity.sign_in("ada", GOOD, HOME)
        for n in range(ACCOUNT.free + 50):
            await guess(house, address=f"198.51.100.{n}")
        assert await guess(house, address="203.0.113.1") == "wait"
        await house.identity.sign_in("ada", GOOD, HOME)

    play(database.url, story)


def test_a_newcomer_under_attack_waits_half_a_minute(sqlite_database: Database) -> None:
    """L4: even from a new place the account opens again, within thirty seconds at the longest."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        for n in range(2 * ACCOUNT.free):
            await guess(house, address=f"198.51.100.{n}")
            house.clock.advance(seconds=30)
        await guess(house, address="198.51.100.255")
        house.clock.advance(seconds=30)
        await house.identity.sign_in("ada", GOOD, Where("203.0.113.1"))

    play(sqlite_database.url, story)


def test_one_password_on_all_accounts(database: Database) -> None:
    """L4: whoever tries one password on many names is stopped by their address."""

    async def story(house: House) -> None:
        said = [await guess(house, name=f"somebody{n}") for n in range(ADDRESS.free + 5)]
        assert said == ["wrong"] * ADDRESS.free + ["wait"] * 5
        assert await guess(house, name="fresh", address="203.0.113.1") == "wrong"

    play(database.url, story)


def test_a_home_is_one_place() -> None:
    """L4: an IPv6 customer has 2^64 addresses, and is one place all the same."""
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9")
    assert network_of("2001:db8:1:2::9") != network_of("2001:db8:1:3::9")
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("unknown") == "unknown"


def test_a_fresh_address_of_the_same_home_is_no_fresh_start(sqlite_database: Database) -> None:
    """L4: changing the lower half of an IPv6 address gives no more guesses."""

    async def story(house: House) -> None:
        said = [await guess(house, address=f"2001:db8::{n:x}") for n in range(7)]
        assert said == ["wrong"] * 5 + ["wait"] * 2

    play(sqlite_database.url, story)


def test_ones_own_account_does_not_wash_off_guesses(sqlite_database: Database) -> None:
    """L4: signing in rightly between the guesses does not give an address more of them."""

    async def story(house: House) -> None:
        await house.identity.add_user("eve", GOOD)
        said = []
        for n in range(ADDRESS.free + 1):
            said.append(await guess(house, name=f"victim{n}"))
            if said[-1] == "wrong" and n < ADDRESS.free - 1:
                await house.identity.sign_in("eve", GOOD, HOME)
        assert said[-1] == "wait"

    play(sqlite_database.url, story)


def test_the_right_password_forgets_the_slips(database: Database) -> None:
    """Four slips, the right password, four slips again: nobody waits."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        for _ in range(3):
            assert [await guess(house) for _ in range(PAIR.free - 1)] == ["wrong"] * 4
            await house.identity.sign_in("ada", GOOD, HOME)

    play(database.url, story)


def test_a_thousand_at_once_get_five_guesses(database: Database) -> None:
    """L4: however many guess at the same time over four workers, five passwords are looked at."""
    looked: list[bytes] = []

    def compare(_digest: bytes, stored: bytes) -> bool:
        looked.append(stored)
        return False

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        workers = [make(house.database, house.clock, compare) for _ in range(4)]
        doors = [House(house.database, house.clock, worker) for worker in workers]
        said = await asyncio.gather(*(guess(doors[n % 4]) for n in range(1000)))
        assert said.count("wrong") == PAIR.free
        assert said.count("wait") == 1000 - PAIR.free

    play(database.url, story, compare)
    assert len(looked) == PAIR.free


def test_a_day_later_all_is_forgotten(database: Database) -> None:
    """Nothing stays of attempts a day after the last one, and no name stands in the table."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        for _ in range(9):
            await guess(house)

        def dump(connection: sa.Connection) -> list[str]:
            return [row.subject for row in connection.execute(sign_in_attempts.select())]

        subjects = await house.database.read(dump)
        assert len(subjects) == 3
        assert not any("ada" in one or HOME.address in one for one in subjects)
        house.clock.advance(days=1, seconds=1)
        assert [await guess(house) for _ in range(5)] == ["wrong"] * 5

    play(database.url, story)
