"""Refresh tokens: used once, stolen never."""

import asyncio

import pytest
import sqlalchemy as sa

from penstock.db import sessions as stored
from penstock.db.refresh_tokens import refresh_tokens
from penstock.domain.secret import Secret
from penstock.identity.identity import Issued
from penstock.identity.purpose import Purpose
from penstock.identity.scopes import Scope, UnknownScope
from penstock.identity.sessions import ABSOLUTE, IDLE, OVERLAP, Ended, RefreshRefused
from penstock.identity.tokens import TokenBad
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play


async def signed_in(house: House) -> Issued:
    """Add Ada and sign her in."""
    await house.identity.add_user("ada", GOOD)
    return await house.identity.sign_in("ada", GOOD, HOME)


async def refuses(house: House, token: Secret) -> bool:
    """Say whether a refresh token gives nothing."""
    try:
        await house.identity.refresh(token)
    except RefreshRefused:
        return True
    return False


async def why_ended(house: House) -> str | None:
    """Return why the only session ended."""

    def read(connection: sa.Connection) -> str | None:
        [row] = connection.execute(sa.select(stored.sessions.c.ended_why))
        return row.ended_why and str(row.ended_why)

    return await house.database.read(read)


def test_a_refresh_gives_new_tokens(database: Database) -> None:
    """R2: each refresh gives another pair, both good, for the same session."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        second = await house.identity.refresh(first.refresh)
        third = await house.identity.refresh(second.refresh)
        assert len({one.refresh for one in (first, second, third)}) == 3
        assert len({one.access for one in (first, second, third)}) == 3
        callers = [await house.identity.authenticate(one.access.reveal()) for one in (first, third)]
        assert callers[0] == callers[1]

    play(database.url, story)


def test_tokens_are_long_and_only_hashes_are_stored(database: Database) -> None:
    """R1: 256 random bits; nothing in the database is a token or opens a session."""

    async def story(house: House) -> None:
        issued = await signed_in(house)
        assert len(issued.refresh.reveal().removeprefix("pstr_")) == 43

        def dump(connection: sa.Connection) -> str:
            return repr(connection.execute(refresh_tokens.select()).all())

        assert issued.refresh.reveal().removeprefix("pstr_") not in await house.database.read(dump)

    play(database.url, story)


def test_reuse_ends_the_family(database: Database) -> None:
    """R2: an old token used again ends the session, with the access tokens of both users."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        house.clock.advance(minutes=5)
        second = await house.identity.refresh(first.refresh)
        house.clock.advance(minutes=1)
        assert await refuses(house, first.refresh)
        assert await refuses(house, second.refresh)
        for one in (first, second):
            with pytest.raises(TokenBad):
                await house.identity.authenticate(one.access.reveal())
        assert await why_ended(house) == Ended.REUSED

    play(database.url, story)


def test_two_at_once_end_nothing(database: Database) -> None:
    """R4: of two refreshes in the same moment one gets tokens, and they are good."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        second = await house.identity.refresh(first.refresh)
        house.clock.advance(seconds=OVERLAP.total_seconds())
        assert await refuses(house, first.refresh)
        assert await why_ended(house) is None
        assert not await refuses(house, second.refresh)

    play(database.url, story)


def test_no_mercy_once_the_successor_was_used(database: Database) -> None:
    """R3: only the parent of an unused token is let off, no grandparent, however quick."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        second = await house.identity.refresh(first.refresh)
        third = await house.identity.refresh(second.refresh)
        assert await refuses(house, first.refresh)
        assert await why_ended(house) == Ended.REUSED
        assert await refuses(house, third.refresh)

    play(database.url, story)


def test_no_mercy_after_ten_seconds(database: Database) -> None:
    """R2: whoever comes later than the same moment is no second tab."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        second = await house.identity.refresh(first.refresh)
        house.clock.advance(seconds=OVERLAP.total_seconds() + 1)
        assert await refuses(house, first.refresh)
        assert await why_ended(house) == Ended.REUSED
        assert await refuses(house, second.refresh)

    play(database.url, story)


def test_fifty_refreshes_at_once_leave_one_child(database: Database) -> None:
    """R4: fifty at the same time over four workers: one gets tokens, and the session lives."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        workers = [house.another() for _ in range(4)]
        ended = await asyncio.gather(
            *(workers[n % 4].refresh(first.refresh) for n in range(50)), return_exceptions=True
        )
        won = [one for one in ended if isinstance(one, Issued)]
        assert len(won) == 1
        assert sum(isinstance(one, RefreshRefused) for one in ended) == 49
        await house.identity.authenticate(won[0].access.reveal())
        assert not await refuses(house, won[0].refresh)
        for worker in workers:
            worker.close()

    play(database.url, story)


def test_an_idle_session_runs_out(database: Database) -> None:
    """R5: a refresh token that nobody used for thirty days is no good."""

    async def story(house: House) -> None:
        first = await signed_in(house)
        house.clock.advance(seconds=IDLE.total_seconds() - 1)
        second = await house.identity.refresh(first.refresh)
        house.clock.advance(seconds=IDLE.total_seconds())
        assert await refuses(house, second.refresh)

    play(database.url, story)


def test_no_session_lasts_for_ever(database: Database) -> None:
    """R5: after 180 days one signs in again, however often the tokens were renewed."""

    async def story(house: House) -> None:
        issued = await signed_in(house)
        for _ in range(8):
            house.clock.advance(days=22)
            issued = await house.identity.refresh(issued.refresh)
        house.clock.advance(seconds=ABSOLUTE.total_seconds() - 8 * 22 * 86400 - 1)
        issued = await house.identity.refresh(issued.refresh)
        await house.identity.authenticate(issued.access.reveal())
        house.clock.advance(seconds=6)
        with pytest.raises(TokenBad):
            await house.identity.authenticate(issued.access.reveal())
        assert await refuses(house, issued.refresh)

    play(database.url, story)


def test_a_refresh_may_ask_for_less(database: Database) -> None:
    """RFC 6749 §6: fewer scopes are fine for the access token; more than the session has, never."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        some = frozenset({Scope.READ, Scope.SYNC})
        first = await house.identity.sign_in("ada", GOOD, HOME, Purpose(some))
        with pytest.raises(UnknownScope):
            await house.identity.refresh(first.refresh, frozenset({Scope.WRITE}))
        second = await house.identity.refresh(first.refresh, frozenset({Scope.READ}))
        caller = await house.identity.authenticate(second.access.reveal())
        assert caller.scopes == {Scope.READ}
        third = await house.identity.refresh(second.refresh)
        assert third.scopes == some

    play(database.url, story)


@pytest.mark.parametrize("token", ["", "pstr_", "\ud800", "a" * 100_000, "\0", "' OR 1=1"])
def test_what_is_no_token_is_refused(sqlite_database: Database, token: str) -> None:
    """X4: whatever is sent for a refresh token, the answer is no."""

    async def story(house: House) -> None:
        await signed_in(house)
        assert await refuses(house, Secret(token))

    play(sqlite_database.url, story)
