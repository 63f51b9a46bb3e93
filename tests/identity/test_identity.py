"""Signing in and out, and who is let in."""

import asyncio

import bcrypt
import pytest

from penstock.domain.errors import NotFound, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.passwords import PasswordRefused
from penstock.identity.purpose import Purpose
from penstock.identity.scopes import ALL, Scope
from penstock.identity.sessions import RefreshRefused, SignInRefused, Where
from penstock.identity.tokens import TokenBad
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play

NEW = Secret("another good one")


def test_who_signs_in_is_known_by_the_token(database: Database) -> None:
    """The access token says who is asking and what they may do."""

    async def story(house: House) -> None:
        user_id = await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ADA", GOOD, HOME)
        caller = await house.identity.authenticate(issued.access.reveal())
        assert (caller.user_id, caller.username, caller.scopes) == (user_id, "ada", ALL)
        assert issued.expires_in <= 600
        less = await house.identity.sign_in("ada", GOOD, HOME, Purpose(frozenset({Scope.READ})))
        assert (await house.identity.authenticate(less.access.reveal())).scopes == {Scope.READ}

    play(database.url, story)


def test_all_refusals_are_the_same(database: Database) -> None:
    """L3: unknown, wrong, disabled: the same words, and one password compared for each."""
    compared: list[bytes] = []

    def compare(digest: bytes, stored: bytes) -> bool:
        compared.append(stored)
        return bcrypt.checkpw(digest, stored)

    async def story(house: House) -> None:
        for name in ("ada", "bob"):
            await house.identity.add_user(name, GOOD)
        await house.disable("bob")
        said = set()
        tries = [("ada", NEW), ("bob", GOOD), ("nobody", GOOD), ("no name", GOOD), ("\0", GOOD)]
        for name, password in tries:
            compared.clear()
            with pytest.raises(SignInRefused) as caught:
                await house.identity.sign_in(name, password, HOME)
            said.add((caught.value.message, repr(caught.value.remedy), len(compared)))
        assert len(said) == 1
        assert said.pop()[2] == 1

    play(database.url, story, compare)


def test_throttled_names_need_not_exist(sqlite_database: Database) -> None:
    """L3: the throttle does not tell whether there is such a person."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        for name in ("ada", "nobody"):
            for _ in range(5):
                with pytest.raises(SignInRefused):
                    await house.identity.sign_in(name, NEW, HOME)
            with pytest.raises(TooManyAttempts) as caught:
                await house.identity.sign_in(name, NEW, HOME)
            assert caught.value.retry_after == 1

    play(sqlite_database.url, story)


def test_a_huge_password_reaches_no_hash(sqlite_database: Database) -> None:
    """L2: what cannot be a password is refused before anything is asked."""
    compared: list[bytes] = []

    def compare(_digest: bytes, stored: bytes) -> bool:
        compared.append(stored)
        return True

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        with pytest.raises(SignInRefused):
            await house.identity.sign_in("ada", Secret("x" * 5_000_000), HOME)
        assert compared == []

    play(sqlite_database.url, story, compare)


def test_signing_out_is_at_once(database: Database) -> None:
    """T3: after signing out neither token is good, without a second's delay."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        caller = await house.identity.authenticate(issued.access.reveal())
        await house.identity.sign_out(caller)
        with pytest.raises(TokenBad):
            await house.identity.authenticate(issued.access.reveal())
        with pytest.raises(RefreshRefused):
            await house.identity.refresh(issued.refresh)

    play(database.url, story)


def test_other_processes_hear_of_it_within_five_seconds(database: Database) -> None:
    """T3: a session that another process ended is refused here five seconds later at most."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        caller = await house.identity.authenticate(issued.access.reveal())
        await house.another().sign_out(caller)
        house.clock.advance(seconds=5)
        with pytest.raises(TokenBad):
            await house.identity.authenticate(issued.access.reveal())

    play(database.url, story)


def test_a_session_is_looked_up_once_in_five_seconds(sqlite_database: Database) -> None:
    """The check of a session costs the database nothing while it was just made."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        await house.identity.authenticate(issued.access.reveal())
        house.database.close()
        await house.identity.authenticate(issued.access.reveal())
        house.clock.advance(seconds=5)
        with pytest.raises(RuntimeError, match="shutdown"):
            await house.identity.authenticate(issued.access.reveal())

    play(sqlite_database.url, story)


def test_people_see_and_end_their_own_sessions(database: Database) -> None:
    """R6, X1: each sees where they are signed in, and can end that, and nobody else's."""

    async def story(house: House) -> None:
        people = {name: await house.identity.add_user(name, GOOD) for name in ("ada", "eve")}
        for place in ("192.0.2.1", "192.0.2.2"):
            await house.identity.sign_in("ada", GOOD, Where(place, "browser"))
        await house.identity.sign_in("eve", GOOD, HOME)
        first, second = await house.identity.sessions(people["ada"])
        assert (first.address, second.address, first.agent) == ("192.0.2.1", "192.0.2.2", "browser")
        with pytest.raises(NotFound):
            await house.identity.end_session(first.id, user_id=people["eve"])
        await house.identity.end_session(first.id, user_id=people["ada"])
        assert await house.identity.sessions(people["ada"]) == [second]

    play(database.url, story)


def test_a_new_password_ends_the_other_sessions(database: Database) -> None:
    """R6: whoever changes the password stays signed in there, and nowhere else."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        here, there = [await house.identity.sign_in("ada", GOOD, HOME) for _ in range(2)]
        caller = await house.identity.authenticate(here.access.reveal())
        await house.identity.authenticate(there.access.reveal())
        with pytest.raises(SignInRefused):
            await house.identity.change_password(caller, NEW, NEW)
        with pytest.raises(PasswordRefused):
            await house.identity.change_password(caller, GOOD, Secret("short"))
        await house.identity.change_password(caller, GOOD, NEW)
        await house.identity.authenticate(here.access.reveal())
        with pytest.raises(TokenBad):
            await house.identity.authenticate(there.access.reveal())
        with pytest.raises(RefreshRefused):
            await house.identity.refresh(there.refresh)
        with pytest.raises(SignInRefused):
            await house.identity.sign_in("ada", GOOD, HOME)
        await house.identity.sign_in("ada", NEW, HOME)

    play(database.url, story)


def test_a_stolen_token_cannot_guess_the_password(sqlite_database: Database) -> None:
    """L4: changing the password is throttled like signing in."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        caller = await house.identity.authenticate(issued.access.reveal())
        for _ in range(5):
            with pytest.raises(SignInRefused):
                await house.identity.change_password(caller, NEW, NEW)
        with pytest.raises(TooManyAttempts):
            await house.identity.change_password(caller, GOOD, NEW)

    play(sqlite_database.url, story)


def test_a_disabled_person_is_out(database: Database) -> None:
    """R6: disabling ends every session at once, and lets nobody in again."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        await house.identity.authenticate(issued.access.reveal())
        await house.disable("Ada")
        with pytest.raises(TokenBad):
            await house.identity.authenticate(issued.access.reveal())
        with pytest.raises(RefreshRefused):
            await house.identity.refresh(issued.refresh)
        with pytest.raises(SignInRefused):
            await house.identity.sign_in("ada", GOOD, HOME)
        with pytest.raises(NotFound):
            await house.disable("nobody")

    play(database.url, story)


def test_disabling_beats_signing_in(database: Database) -> None:
    """R6: no session begins in the moment of disabling, not even for when they are enabled."""

    async def story(house: House) -> None:
        user_id = await house.identity.add_user("ada", GOOD)
        await house.disable("ada")
        with pytest.raises(SignInRefused):
            await house.identity.begin_session(user_id, HOME)

    play(database.url, story)


def test_tokens_are_checked_many_at_a_time(database: Database) -> None:
    """A crowd of requests with good tokens is let in, all of it."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        token = issued.access.reveal()
        callers = await asyncio.gather(*(house.identity.authenticate(token) for _ in range(200)))
        assert len(set(callers)) == 1

    play(database.url, story)
