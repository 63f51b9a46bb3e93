"""O3: a bank that is not honest learns nothing that another bank gave us (RFC 9700 §4.4)."""

from dataclasses import replace
from typing import Any

import pytest

from penstock.db.credentials import credentials
from penstock.domain.errors import InvalidInput, OAuthError
from tests.databases import Database
from tests.engine.house import play
from tests.security.coming_back import EVIL, HONEST, answer, counter

CODE = "a code of the honest bank"


@pytest.mark.parametrize("named", [True, False], ids=["with iss", "without"])
def test_a_code_of_one_bank_never_goes_to_another(database: Database, named: bool) -> None:
    """O3: the person began at the evil bank, which sent them on to the honest one.

    The code that comes back is the honest bank's: the evil one's token endpoint is not asked.
    """

    async def story() -> None:
        async with counter(database.url) as here:
            state = await here.begin("evil")
            back = {"state": state, "code": CODE} | ({"iss": HONEST.issuer} if named else {})
            with pytest.raises(OAuthError):
                await here.finish("evil", **back)
            assert here.asked == []

    play(story())


def test_each_provider_has_an_address_of_its_own(database: Database) -> None:
    """O3: an answer at the honest bank's address does not end a link with the evil one."""

    async def story() -> None:
        async with counter(database.url) as here:
            state = await here.begin("evil")
            with pytest.raises(InvalidInput):
                await here.finish("honest", state=state, code=CODE, iss=HONEST.issuer)
            assert here.asked == []

    play(story())


def test_a_bank_that_names_itself_like_another_is_found_out(database: Database) -> None:
    """O3: compared as plain strings: no slash, case or port more or less (RFC 9207 §2.4)."""

    async def story() -> None:
        async with counter(database.url) as here:
            for name in (
                "https://honest.example/",
                "https://HONEST.example",
                "https://honest.example:443",
                "https://honest.example.evil.example",
                "",
            ):
                state = await here.begin("honest")
                with pytest.raises(OAuthError):
                    await here.finish("honest", state=state, code=CODE, iss=name)
            assert here.asked == []

    play(story())


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": HONEST.issuer},
        {"issuer": f"{EVIL.issuer}/"},
        {"token_endpoint": "http://evil.example/token"},
    ],
)
def test_what_a_bank_publishes_must_be_its_own(database: Database, told: dict[str, Any]) -> None:
    """O3: metadata of another issuer, or addresses without TLS, begin no link (RFC 8414 §3.3)."""
    published = {
        "issuer": EVIL.issuer,
        "authorization_endpoint": EVIL.authorize_url,
        "token_endpoint": EVIL.token_url,
    }
    plan = replace(EVIL, publishes=True, authorize_url="", token_url="", iss_required=False)

    async def story() -> None:
        said = answer({**published, **told})
        async with counter(database.url, lambda _: said, evil=plan) as here:
            with pytest.raises(OAuthError):
                await here.begin("evil")
            assert here.at("evil.example") == ["/.well-known/oauth-authorization-server"]

    play(story())


def test_a_bank_that_says_that_it_names_itself_is_held_to_it(database: Database) -> None:
    """O3: what it publishes demands `iss` (RFC 9207 §3): an answer without it gets no token."""
    published = {
        "issuer": HONEST.issuer,
        "authorization_endpoint": HONEST.authorize_url,
        "token_endpoint": HONEST.token_url,
        "authorization_response_iss_parameter_supported": True,
    }
    plan = replace(HONEST, publishes=True, authorize_url="", token_url="", iss_required=False)

    async def story() -> None:
        said = answer(published)
        async with counter(database.url, lambda _: said, honest=plan) as here:
            state = await here.begin("honest")
            with pytest.raises(OAuthError, match="who sent it"):
                await here.finish("honest", state=state, code=CODE)
            assert HONEST.token_url not in [one.url for one in here.asked]
            mine = credentials.c.connection_id != here.it.connection_id
            assert await here.it.all(credentials.select().where(mine)) == []

    play(story())
