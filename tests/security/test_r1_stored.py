"""R1: a refresh token is 256 bits, stored as a hash, and its own program's alone."""

import pytest
import sqlalchemy as sa

from penstock.db.refresh_tokens import refresh_tokens
from penstock.db.tables import metadata
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.refreshing import RefreshTokens
from penstock.identity.sessions import RefreshRefused
from tests.api.serving import NOWHERE, Api
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play


def dump(connection: sa.Connection) -> str:
    """Return all that the database holds."""
    return repr([connection.execute(table.select()).all() for table in metadata.sorted_tables])


def test_a_dump_opens_nothing(api: Api) -> None:
    """R1, K4: no token of a family is in the database, and no text of the dump is one."""
    issued = api.begin()
    tokens = [issued.refresh.reveal()]
    for _ in range(3):
        form = {"grant_type": "refresh_token", "refresh_token": tokens[-1]}
        tokens.append(api.client.post("/token", data=form).json()["refresh_token"])
    held = api.read(dump)
    for token in tokens:
        assert token not in held
        assert token.removeprefix("pstr_") not in held

    def hashes(connection: sa.Connection) -> list[str]:
        query = sa.select(refresh_tokens.c.token_hash, refresh_tokens.c.salt)
        return [str(one) for row in connection.execute(query) for one in row]

    for text in api.read(hashes):
        for guess in (text, f"pstr_{text}"):
            form = {"grant_type": "refresh_token", "refresh_token": guess}
            assert api.client.post("/token", data=form).json()["error"] == "invalid_grant"


def test_tokens_are_long_and_never_the_same() -> None:
    """R1: 256 bits each; the next one needs the key, which no dump has."""
    tokens, others = RefreshTokens(bytes(32)), RefreshTokens(bytes([1] * 32))
    first, salt = tokens.first(), tokens.new_salt()
    assert len(first.reveal().removeprefix("pstr_")) == 43
    assert len({tokens.first() for _ in range(100)} | {first}) == 101
    assert tokens.successor(first, salt) == tokens.successor(first, salt)
    assert tokens.successor(first, salt) != others.successor(first, salt)
    assert tokens.successor(first, salt) != tokens.successor(first, tokens.new_salt())


def test_another_program_gets_nothing(database: Database) -> None:
    """R1: a token of one program is refused to another, and stays good for its own."""

    async def story(house: House) -> None:
        user_id = await house.identity.add_user("ada", GOOD)
        for mine, other in (("penstock", "budget-app"), ("budget-app", "penstock")):
            issued = await house.identity.begin_session(user_id, HOME, Purpose(client_id=mine))
            with pytest.raises(RefreshRefused):
                await house.identity.refresh(issued.refresh, None, Presenter(other))
            await house.identity.refresh(issued.refresh, None, Presenter(mine))

    play(database.url, story)


def test_another_program_gets_nothing_at_the_door(sqlite_api: Api) -> None:
    """R1: at /token a program that does not exist, or is another, is refused."""
    issued = sqlite_api.play(
        lambda: sqlite_api.identity.begin_session(
            sqlite_api.person("ada"), NOWHERE, Purpose(client_id="budget-app")
        )
    )
    form = {"grant_type": "refresh_token", "refresh_token": issued.refresh.reveal()}
    answer = sqlite_api.client.post("/token", data=form)
    assert answer.json()["error"] == "invalid_grant"
