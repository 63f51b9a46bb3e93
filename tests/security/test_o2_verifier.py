"""O2: each link has its own verifier, sealed while it waits, gone once it is used."""

import base64
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from penstock.db.credentials import credentials
from penstock.db.links import links
from penstock.domain.errors import OAuthError, SealBroken
from tests.databases import Database
from tests.engine.house import CALLBACK, House, play
from tests.engine.linking import at_home, finish
from tests.oauth.asking import form_of
from tests.security.coming_back import EVIL, GOOD, HONEST, answer, counter


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_the_verifier_is_sealed_and_gone_after_use(database: Database, decision: str) -> None:
    """O2: the database alone gives no verifier away; allowed or refused, it is not kept."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        begun = await linker.begin(home.owner_id, "sandbox", redirect_uri=CALLBACK)
        asked = parse_qs(urlsplit(begun.url).query)
        assert asked["code_challenge_method"] == ["S256"]
        (row,) = await home.all(links.select())
        verifier = linker.seals.open_verifier(row.verifier, row.id, home.owner_id).reveal()
        assert len(verifier) >= 43
        assert verifier not in str(row)
        digest = sha256(verifier.encode()).digest()
        assert asked["code_challenge"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
        for number, owner in ((row.id + 1, home.owner_id), (row.id, home.owner_id + 1)):
            with pytest.raises(SealBroken):
                linker.seals.open_verifier(row.verifier, number, owner)
        back = await home.consent(begun.url, decision=decision)
        ending = finish(home, parse_qsl(urlsplit(back).query))
        if decision == "deny":
            with pytest.raises(OAuthError):
                await ending
        else:
            await ending
        (row,) = await home.all(links.select())
        assert row.verifier is None

    at_home(database, story)


def test_no_two_links_share_one(database: Database) -> None:
    """O2: a verifier is drawn for each request; the bank is told it once, with its own code."""

    async def story() -> None:
        async with counter(database.url) as here:
            told = []
            for code in "abc":
                state = await here.begin("honest")
                await here.finish("honest", state=state, code=code, iss=HONEST.issuer)
                told.append(form_of(here.asked[-1])["code_verifier"])
            assert len(set(told)) == 3

    play(story())


def test_the_key_of_a_link_is_sealed_with_it(database: Database) -> None:
    """O2, O8: where tokens are to be bound, the key that waits is sealed too, and then kept so."""
    bound = replace(HONEST, dpop=True)

    async def story() -> None:
        says = answer({**GOOD, "token_type": "DPoP"})
        async with counter(database.url, lambda _: says, bank=bound, evil=EVIL) as here:
            state = await here.begin("bank")
            (row,) = await here.it.all(links.select())
            note = here.linker.seals.open_verifier(row.verifier, row.id, here.it.owner_id)
            verifier, _, key = note.reveal().partition(" ")
            assert verifier not in str(row)
            assert key not in str(row)
            number = await here.finish("bank", state=state, code="c", iss=bound.issuer)
            (row,) = await here.it.all(links.select())
            assert row.verifier is None
            (kept,) = await here.it.all(
                credentials.select().where(credentials.c.connection_id == number)
            )
            assert kept.key.startswith("v")
            assert key not in str(kept)

    play(story())
