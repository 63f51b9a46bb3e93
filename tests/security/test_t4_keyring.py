"""T4: keys that sign are strong, named, and change under load without a failed request."""

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from penstock.db import signing_keys
from penstock.domain.errors import SealBroken
from penstock.domain.secret import Secret
from penstock.identity.tokens import LIFETIME, TokenBad, key_name
from penstock.vault.cipher import Place
from tests.api.serving import serving
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play

WEAK = {
    "short": b"sixteen bytes...",
    "one byte less": bytes(range(31)),
    "empty": b"",
    "zeros": bytes(32),
    "a word again and again": b"secret" * 10,
}


@pytest.mark.parametrize("name", sorted(WEAK))
def test_no_start_with_a_weak_key(sqlite_database: Database, tmp_path: Path, name: str) -> None:
    """T4: a server that finds a weak signing key in its database does not start."""
    with serving(sqlite_database.url, tmp_path) as api:
        place = Place("installation", "signing_key:weak", "key")
        sealed = api.penstock.cipher.seal(Secret(b64encode(WEAK[name]).decode()), place)
        api.write(signing_keys.create, kid="weak", sealed=sealed, now=api.clock())
    with pytest.raises(SealBroken), serving(sqlite_database.url, tmp_path):
        pytest.fail("it started")


@pytest.mark.long
def test_a_rotation_under_load_fails_nobody(database: Database) -> None:
    """T4: while keys change five times, and time passes, no token of any process is refused.

    Four processes issue and check each other's tokens all the while, at every age of a token.
    """

    async def story(house: House) -> None:
        user_id = await house.identity.add_user("ada", GOOD)
        workers = [house.identity, *(house.another() for _ in range(3))]
        tokens: list[tuple[float, str]] = []
        signers = set()
        for minute in range(40):
            if minute % 8 == 3:
                await workers[minute % 4].keyring.rotate()
            for step in range(4):
                house.clock.advance(seconds=15)
                issued = await workers[step].begin_session(user_id, HOME)
                tokens.append((house.clock().timestamp(), issued.access.reveal()))
                signers.add(key_name(issued.access.reveal()))
                age = house.clock().timestamp() - LIFETIME.total_seconds()
                tokens = [one for one in tokens if one[0] > age]
                checking = (
                    worker.authenticate(token) for worker in workers for _, token in tokens[::5]
                )
                await asyncio.gather(*checking)  # raises where one is refused
        assert len(signers) == 6
        for worker in workers[1:]:
            worker.close()

    play(database.url, story)


def test_a_retired_key_is_refused_everywhere(database: Database) -> None:
    """T4: once its last token has expired no process takes a token of the old key."""

    async def story(house: House) -> None:
        user_id = await house.identity.add_user("ada", GOOD)
        other = house.another()
        old = key_name((await house.identity.begin_session(user_id, HOME)).access.reveal())
        await house.identity.keyring.rotate()
        house.clock.advance(minutes=12)
        for one in (house.identity, other):
            with pytest.raises(TokenBad):
                await one.keyring.key(old)
        other.close()

    play(database.url, story)
