"""L2: how long a password may be."""

import bcrypt

from penstock.domain.secret import Secret
from penstock.identity.passwords import MOST_BYTES
from tests.databases import Database
from tests.identity.house import HOME, House, play
from tests.security.test_l3_sameness import refused


def test_sixty_four_emoji_are_a_password(database: Database) -> None:
    """L2: 64 characters of any kind, 256 bytes of them, sign in."""

    async def story(house: House) -> None:
        emoji = Secret("\N{POTABLE WATER SYMBOL}\N{BANK}\N{KEY}\N{OWL}" * 16)
        await house.identity.add_user("ada", emoji)
        assert (await house.identity.sign_in("ada", emoji, HOME)).access
        assert await refused(house, "ada", emoji.reveal()[:-1])

    play(database.url, story)


def test_five_megabytes_are_refused_without_hashing(sqlite_database: Database) -> None:
    """L2: what is longer than 1 KiB reaches neither the hasher nor the database."""
    compared: list[bytes] = []

    def compare(digest: bytes, stored: bytes) -> bool:
        compared.append(digest)
        return bcrypt.checkpw(digest, stored)

    async def story(house: House) -> None:
        for huge in ("x" * 5_000_000, "x" * (MOST_BYTES + 1), "\N{BANK}" * 257):
            assert await refused(house, "ada", huge)
        assert not compared
        assert await refused(house, "ada", "x" * MOST_BYTES)
        assert len(compared) == 1

    play(sqlite_database.url, story, compare)
