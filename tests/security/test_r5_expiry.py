"""R5: a session ends thirty days after its last use, and 180 days after it began, by the clock."""

from penstock.domain.secret import Secret
from penstock.identity.identity import Issued
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.sessions import ABSOLUTE, IDLE, RefreshRefused
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play

KEY = "the thumbprint of a key"
OWNER = Presenter(key_thumbprint=KEY)


async def begun(house: House) -> Issued:
    """Begin a session of Ada's, bound to a key: bound or not, it ends the same."""
    user_id = await house.identity.add_user("ada", GOOD)
    return await house.identity.begin_session(user_id, HOME, Purpose(key_thumbprint=KEY))


async def is_taken(house: House, token: Secret) -> bool:
    """Say whether a refresh token gives anything."""
    try:
        await house.identity.refresh(token, None, OWNER)
    except RefreshRefused:
        return False
    return True


def test_an_idle_session_ends(database: Database) -> None:
    """R5: to the second: thirty days without a refresh, and it is over."""

    async def story(house: House) -> None:
        issued = await begun(house)
        house.clock.advance(seconds=IDLE.total_seconds() - 1)
        again = await house.identity.refresh(issued.refresh, None, OWNER)
        house.clock.advance(seconds=IDLE.total_seconds())
        assert not await is_taken(house, again.refresh)

    play(database.url, story)


def test_no_session_is_for_ever(database: Database) -> None:
    """R5: refreshed each day, it ends after 180 days all the same, with its access token."""

    async def story(house: House) -> None:
        issued = await begun(house)
        began = house.clock()
        while house.clock() - began < ABSOLUTE - IDLE:
            house.clock.advance(days=29)
            issued = await house.identity.refresh(issued.refresh, None, OWNER)
        left = ABSOLUTE - (house.clock() - began)
        house.clock.advance(seconds=left.total_seconds() - 1)
        issued = await house.identity.refresh(issued.refresh, None, OWNER)
        house.clock.advance(seconds=1)
        assert not await is_taken(house, issued.refresh)
        assert ABSOLUTE.days == 180

    play(database.url, story)


def test_a_lost_answer_prolongs_nothing(database: Database) -> None:
    """R3, R5: to be told a token again gives it no longer life."""

    async def story(house: House) -> None:
        first = await begun(house)
        lost = await house.identity.refresh(first.refresh, None, OWNER)
        house.clock.advance(seconds=30)
        again = await house.identity.refresh(first.refresh, None, OWNER)
        assert again.refresh == lost.refresh
        house.clock.advance(seconds=IDLE.total_seconds() - 30)
        assert not await is_taken(house, again.refresh)

    play(database.url, story)
