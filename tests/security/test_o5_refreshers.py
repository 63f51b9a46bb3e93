"""O5: one refresh of a token at a time, across processes (tests/torture: with kills as well)."""

import pytest
import sqlalchemy as sa

from penstock.db import credentials
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.crowd import crowd
from tests.engine.house import House
from tests.engine.linking import asked_for_tokens, at_home


@pytest.mark.long
def test_forty_refreshers_in_eight_processes_refresh_once(database: Database) -> None:
    """O5: at a bank that ends the consent if an old token is used again: all get the one new."""

    async def story(home: House) -> None:
        number = await home.link(Scenario.STRICT_ROTATION)
        home.expire_access()
        asked = asked_for_tokens(home)
        told = await crowd(
            8,
            "tests.engine.acts.refresh",
            url=database.url,
            bank_url=home.bank.url,
            connection_id=number,
            owner_id=home.owner_id,
            tasks=5,
        )
        assert [len(marks) for marks in told] == [5] * 8
        assert len({mark for marks in told for mark in marks}) == 1
        assert asked_for_tokens(home) == asked + 1
        (grant,) = home.bank.authority.grants
        assert (grant.refreshes, grant.state) == (1, ConsentState.ACTIVE)
        (stored,) = await home.all(sa.select(credentials.credentials))
        assert (stored.version, stored.refresher) == (2, None)
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE

    at_home(database, story)
