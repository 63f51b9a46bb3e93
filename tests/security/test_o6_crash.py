"""O6: a process dies between the bank's answer and our commit: on record, and never a loop."""

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.db import credentials, refreshes
from penstock.db.refreshes import RefreshOutcome
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Halt
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.acts import open_branch
from tests.engine.house import House
from tests.engine.linking import asked_for_tokens, at_home
from tests.programs import surroundings
from tests.security.dying_refresher import CLAIM

ROOT = Path(__file__).resolve().parent.parent.parent


async def killed(home: House, url: str, number: int) -> None:
    """Let a process refresh, which is killed with the bank's answer in its hands."""
    told = {
        "url": url,
        "bank_url": home.bank.url,
        "connection_id": number,
        "owner_id": home.owner_id,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.security.dying_refresher", json.dumps(told)),
        cwd=ROOT,
        env=surroundings(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, complaints.decode()


async def journal(home: House) -> list[str]:
    """Return what came of each refresh, in order."""
    rows = await home.all(refreshes.refreshes.select().order_by(refreshes.refreshes.c.id))
    return [row.outcome for row in rows]


@pytest.mark.long
@pytest.mark.parametrize("scenario", [Scenario.ROTATION_WITH_GRACE, Scenario.STRICT_ROTATION])
def test_the_old_token_is_tried_once(database: Database, scenario: Scenario) -> None:
    """O6: a bank with grace takes it, and all goes on; a strict one does not: the person is asked.

    Either way the lost answer stands in the journal, and the bank is asked once more, no oftener.
    """
    kind = scenario

    async def story(home: House) -> None:
        number = await home.link(kind)
        await killed(home, database.url, number)
        assert await journal(home) == [RefreshOutcome.ASKED]
        asked = asked_for_tokens(home)
        async with open_branch(database.url, home.bank.url) as branch:
            stored = await branch.database.read(credentials.find, number)
            assert stored is not None
            assert stored.version == 1
            refused = branch.seals.open(stored, home.owner_id)
            tokens = replace(branch.tokens(number, home.owner_id), claim_time=CLAIM)
            if kind is Scenario.ROTATION_WITH_GRACE:
                renewed = await tokens.renew(refused)
                assert renewed.access != refused.access
                assert await journal(home) == [RefreshOutcome.LOST, RefreshOutcome.OK]
            else:
                with pytest.raises(Halt) as halted:
                    await tokens.renew(refused)
                assert halted.value.ending.consent is ConsentState.LOGIN_REQUIRED
                assert await journal(home) == [RefreshOutcome.LOST, RefreshOutcome.REFUSED]
        assert asked_for_tokens(home) == asked + 1
        home.expire_access()
        ending, _ = await home.sync(number)
        connected = kind is Scenario.ROTATION_WITH_GRACE
        assert (ending.consent is None) == connected
        asked = asked_for_tokens(home)
        assert await home.penstock.runner.tick() == 0, "it waits for its person, or its turn"
        assert asked_for_tokens(home) == asked

    at_home(database, story)
