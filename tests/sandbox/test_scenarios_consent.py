"""Scenarios in which a consent or a token ends: when, how it is said, and what still helps."""

import asyncio

import aiohttp
import pytest

from penstock.sandbox.scenario import Scenario
from tests.sandbox.patience import whole_update
from tests.sandbox.visitor import visiting


def test_consent_expiring_is_said_ahead() -> None:
    """sync.md 26: the consent ends in three days, and each answer says so."""

    async def story() -> None:
        async with visiting(scenario=Scenario.CONSENT_EXPIRING) as visitor:
            await visitor.link()
            answer = await visitor.get("/v1/accounts")
            assert (answer.status, answer.headers["Consent-State"]) == (200, "expiring")
            assert answer.headers["Consent-Ends"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        (Scenario.CONSENT_EXPIRED, "consent_expired"),
        (Scenario.CONSENT_REVOKED, "consent_revoked"),
    ],
)
def test_consent_ends_after_the_first_update(scenario: Scenario, code: str) -> None:
    """sync.md 26: one update works, the next finds the consent ended; a new one opens it again."""

    async def story() -> None:
        async with visiting(scenario=scenario) as visitor:
            await visitor.link()
            came, _, cursor = await whole_update(visitor)
            assert len(came) == 15
            assert (await visitor.get("/v1/balances")).status == 200
            answer = await visitor.page(cursor)
            assert (answer.status, answer.json["error"]["code"]) == (403, code)
            answer = await visitor.get("/v1/accounts")
            assert (answer.status, answer.json["error"]["code"]) == (403, code), "from now on"
            assert (await visitor.refresh(visitor.tokens["refresh_token"])).status == 400
            await visitor.link(scenario="calm")
            assert (await visitor.page(cursor)).status == 200

    asyncio.run(story())


def test_rotated_token_lost_is_done_but_never_told() -> None:
    """sync.md 25: the first refresh rotates, its answer never arrives; the old token works once."""

    async def story() -> None:
        async with visiting(scenario=Scenario.ROTATED_TOKEN_LOST) as visitor:
            await visitor.link()
            old = visitor.tokens["refresh_token"]
            with pytest.raises(aiohttp.ClientConnectionError):
                await visitor.refresh(old)
            told = await visitor.post("/oauth/introspect", token=old, client_id="penstock")
            assert told.json == {"active": False}, "it has been rotated"
            assert (await visitor.refresh(old)).status == 200

    asyncio.run(story())
