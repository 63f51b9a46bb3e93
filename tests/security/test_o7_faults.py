"""O7: only `invalid_grant` ends a consent, at once; whatever else happens keeps the tokens."""

from datetime import timedelta

import pytest

from penstock.domain.consent import ConsentState
from penstock.domain.errors import TransportFailure
from penstock.domain.outcome import Outcome
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from tests.databases import Database
from tests.engine.token_desk import Desk, answered, at_desk, fresh

TROUBLE: dict[str, Response | Exception] = {
    **{f"{status}": answered(status) for status in (408, 425, 429, 500, 502, 503, 504, 599)},
    "429 in JSON": answered(429, {"error": "invalid_grant"}),
    "503 in JSON": answered(503, {"error": "invalid_grant"}),
    "a timeout": TransportFailure("No answer in 30 s."),
    "a reset": TransportFailure("The connection was reset."),
    "our client": answered(401, {"error": "invalid_client"}),
    "our scope": answered(400, {"error": "invalid_scope"}),
    "an unknown error": answered(400, {"error": "bank_closed"}),
    "an error that is a list": answered(400, {"error": ["invalid_grant"]}),
    "a page of an error": answered(400, b"<html>invalid_grant</html>"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_keeps_the_tokens(sqlite_database: Database, trouble: str) -> None:
    """O7: nothing stored changes, nobody is asked to consent, and the next try may succeed."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        before = await desk.stored()
        desk.says = [TROUBLE[trouble]]
        ending = await desk.halted(opened)
        assert ending.consent is None
        assert ending.outcome in {Outcome.TRANSIENT, Outcome.THROTTLED}
        assert await desk.stored() == before
        assert len(desk.forms) == 1, "the bank is left alone"
        desk.says = [fresh(2)]
        assert (await desk.tokens().renew(opened)).access == Secret("access-2")

    at_desk(sqlite_database, story)


def test_a_wait_that_is_told_is_obeyed(database: Database) -> None:
    """O7: 429 and 503 with `Retry-After` end the run with the instant to come back at."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        for status in (429, 503):
            desk.says = [answered(status, retry_after="1800")]
            ending = await desk.halted(opened)
            assert ending.until == desk.it.watch() + timedelta(minutes=30)

    at_desk(database, story)


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_dead_grant_asks_the_person_at_once(database: Database, status: int) -> None:
    """O7: `invalid_grant`: login_required after one question, with what to do."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        desk.says = [answered(status, {"error": "invalid_grant"})]
        ending = await desk.halted(opened)
        assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.LOGIN_REQUIRED)
        assert ending.remedy is not None
        assert "--renew" in ending.remedy.text
        assert len(desk.forms) == 1

    at_desk(database, story)
