"""The first person."""

import asyncio

import pytest
import sqlalchemy as sa

from penstock.db.feeds import feeds
from penstock.db.setup_links import setup_links
from penstock.domain.errors import Conflict, InvalidInput
from penstock.domain.secret import Secret
from penstock.identity.passwords import PasswordRefused
from penstock.identity.setup import LIFETIME, SetupLink, SetupOver
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play


async def offered(house: House) -> SetupLink:
    """Return a link; there must be one."""
    link = await house.identity.offer_setup()
    assert link is not None
    return link


def test_the_first_person_is_made_by_the_link(database: Database) -> None:
    """Whoever holds the link makes the first person, who can sign in and has a feed."""

    async def story(house: House) -> None:
        link = await offered(house)
        user_id = await house.identity.finish_setup(link.token, "Ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        assert (await house.identity.authenticate(issued.access.reveal())).user_id == user_id

        def owners(connection: sa.Connection) -> list[int]:
            return list(connection.execute(sa.select(feeds.c.owner_id)).scalars())

        assert await house.database.read(owners) == [user_id]

    play(database.url, story)


def test_a_link_is_good_once(database: Database) -> None:
    """After the first person no link makes another, and none is offered."""

    async def story(house: House) -> None:
        one, other = await offered(house), await offered(house)
        await house.identity.finish_setup(one.token, "ada", GOOD)
        for token in (one.token, other.token):
            with pytest.raises(SetupOver):
                await house.identity.finish_setup(token, "eve", GOOD)
        assert await house.identity.offer_setup() is None

    play(database.url, story)


def test_of_many_at_once_one_wins(database: Database) -> None:
    """Links that several processes printed, all used at the same moment: one person."""

    async def story(house: House) -> None:
        links = [await offered(house) for _ in range(8)]
        ended = await asyncio.gather(
            *(
                house.identity.finish_setup(link.token, f"person{n}", GOOD)
                for n, link in enumerate(links)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(one, int) for one in ended) == 1
        assert sum(isinstance(one, SetupOver) for one in ended) == 7

    play(database.url, story)


def test_a_link_runs_out(database: Database) -> None:
    """After an hour the link is no good; a newer one is."""

    async def story(house: House) -> None:
        old = await offered(house)
        house.clock.advance(seconds=LIFETIME.total_seconds())
        with pytest.raises(SetupOver):
            await house.identity.check_setup(old.token)
        await house.identity.check_setup((await offered(house)).token)

    play(database.url, story)


def test_a_link_cannot_be_found_in_the_database(sqlite_database: Database) -> None:
    """K4: only its hash is stored."""

    async def story(house: House) -> None:
        link = await offered(house)

        def dump(connection: sa.Connection) -> str:
            return repr(connection.execute(setup_links.select()).all())

        assert link.token.reveal() not in await house.database.read(dump)

    play(sqlite_database.url, story)


def test_a_slip_does_not_use_the_link_up(database: Database) -> None:
    """A name or a password that is refused can be typed again."""

    async def story(house: House) -> None:
        link = await offered(house)
        with pytest.raises(PasswordRefused):
            await house.identity.finish_setup(link.token, "ada", Secret("short"))
        with pytest.raises(InvalidInput):
            await house.identity.finish_setup(link.token, "not a name", GOOD)
        await house.identity.finish_setup(link.token, "ada", GOOD)

    play(database.url, story)


@pytest.mark.parametrize("token", ["", "guess", "\ud800", "\0"])
def test_guesses_open_nothing(sqlite_database: Database, token: str) -> None:
    """A made-up link is refused, whatever it is."""

    async def story(house: House) -> None:
        await offered(house)
        with pytest.raises(SetupOver):
            await house.identity.finish_setup(Secret(token), "eve", GOOD)

    play(sqlite_database.url, story)


def test_names_are_taken_once(database: Database) -> None:
    """Two who want the same name at once: one gets it, the other is told."""

    async def story(house: House) -> None:
        ended = await asyncio.gather(
            *(house.identity.add_user(name, GOOD) for name in ("ada", "ADA", "Ada", "adA")),
            return_exceptions=True,
        )
        assert sum(isinstance(one, int) for one in ended) == 1
        assert sum(isinstance(one, Conflict) for one in ended) == 3

    play(database.url, story)
