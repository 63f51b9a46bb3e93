"""Access tokens are renewed once, by one of many, and never lost over it (security.md O5, O7)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import credentials
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import TransportFailure
from penstock.domain.outcome import Outcome
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.refresh import AHEAD, CLAIM
from tests.databases import Database
from tests.engine.bench import bench
from tests.engine.crowd import crowd
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import House, play
from tests.engine.linking import asked_for_tokens, at_home
from tests.engine.token_desk import PLAN, TOKEN_URL, Desk, answered, at_desk, fresh


def test_a_token_is_renewed_ahead_of_its_end(database: Database) -> None:
    """sync.md 25: one that would end within a minute is renewed before it is used."""

    async def story(desk: Desk) -> None:
        now = desk.it.watch()
        opened = await desk.store(expires_at=now + AHEAD + timedelta(seconds=1))
        assert await desk.tokens().current() == opened
        assert desk.forms == []
        await desk.store(expires_at=now + AHEAD)
        desk.says = [fresh(2)]
        tokens = desk.tokens()
        renewed = await tokens.current()
        assert renewed.access == Secret("access-2")
        assert renewed.expires_at == now + timedelta(seconds=300)
        assert await tokens.current() == renewed
        assert len(desk.forms) == 1
        assert "refresh_token=refresh-1" in desk.forms[0]

    at_desk(database, story)


def test_what_an_answer_leaves_out_stays(database: Database) -> None:
    """sync.md 25: without a new refresh token the old one is kept, and the scope (RFC 6749, 6)."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        desk.says = [answered(200, {"access_token": "access-2", "token_type": "bearer"})]
        renewed = await desk.tokens().renew(opened)
        assert renewed == Credentials(Secret("access-2"), opened.refresh, None, "all")
        assert (await desk.stored()).version == 2

    at_desk(database, story)


def test_of_many_in_one_process_one_asks(database: Database) -> None:
    """O5: forty that were refused the same token: one refresh, and all have the new one."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        desk.says = [fresh(2)]
        found = await asyncio.gather(*(desk.tokens().renew(opened) for _ in range(40)))
        assert {one.access for one in found} == {Secret("access-2")}
        assert len(desk.forms) == 1
        assert (await desk.stored()).version == 2

    at_desk(database, story)


def test_who_was_refused_an_older_token_does_not_ask(database: Database) -> None:
    """sync.md 25: read again under the lock: a newer token is there already, and is used."""

    async def story(desk: Desk) -> None:
        old = await desk.store()
        newer = await desk.store(version=2)
        assert await desk.tokens().renew(old) == newer
        assert desk.forms == []

    at_desk(database, story)


KEPT: dict[str, tuple[Response | Exception, Outcome]] = {
    "500": (answered(500), Outcome.TRANSIENT),
    "503 that says when": (answered(503, retry_after="3600"), Outcome.THROTTLED),
    "429": (answered(429, {"error": "slow_down"}), Outcome.TRANSIENT),
    "429 that says when": (answered(429, retry_after="3600"), Outcome.THROTTLED),
    "a timeout": (TransportFailure("No answer in 30 s."), Outcome.TRANSIENT),
    "a page": (answered(200, b"<html>maintenance</html>"), Outcome.TRANSIENT),
    "a redirect": (answered(302, location="https://login.example"), Outcome.TRANSIENT),
    "no token": (answered(200, {"token_type": "bearer"}), Outcome.TRANSIENT),
    "another type": (fresh(2, token_type="mac"), Outcome.TRANSIENT),
    "a hostile token": (fresh(2, access_token="a\r\nb"), Outcome.TRANSIENT),
    "too much": (answered(200, b" " * 100_000), Outcome.TRANSIENT),
    "our client": (answered(401, {"error": "invalid_client"}), Outcome.TRANSIENT),
    "our request": (answered(400, {"error": "invalid_request"}), Outcome.TRANSIENT),
    "a page for grants": (answered(503, {"error": "invalid_grant"}), Outcome.TRANSIENT),
}


@pytest.mark.parametrize("trouble", KEPT)
def test_trouble_keeps_the_tokens(sqlite_database: Database, trouble: str) -> None:
    """O7, sync.md 22: the tokens are as good as before; waits are obeyed."""
    said, outcome = KEPT[trouble]

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        before = await desk.stored()
        desk.says = [said]
        ending = await desk.halted(opened)
        assert ending.outcome is outcome
        wait = timedelta(hours=1) if outcome is Outcome.THROTTLED else None
        assert ending.until == (desk.it.watch() + wait if wait else None)
        assert ending.consent is None
        assert await desk.stored() == before
        desk.says = [fresh(2)]
        assert (await desk.tokens().renew(opened)).access == Secret("access-2")
        assert len(desk.forms) == 2, "the claim was not let go of"

    at_desk(sqlite_database, story)


DEAD: dict[str, Response] = {
    "as the standard says": answered(400, {"error": "invalid_grant"}),
    "with 401": answered(401, {"error": "invalid_grant", "error_description": "canary"}),
    "with 200": answered(200, {"error": "invalid_grant"}),
}


@pytest.mark.parametrize("how", DEAD)
def test_a_dead_grant_asks_the_person_at_once(sqlite_database: Database, how: str) -> None:
    """O7, sync.md 25: one question, no loop: login_required, with what the person has to do."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        desk.says = [DEAD[how]]
        ending = await desk.halted(opened)
        assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.LOGIN_REQUIRED)
        assert ending.remedy is not None
        assert "canary" not in f"{ending.message}{ending.remedy.text}"
        assert len(desk.forms) == 1

    at_desk(sqlite_database, story)


def test_a_dead_grant_is_compared_with_what_is_stored_now(database: Database) -> None:
    """sync.md 25: after invalid_grant it is read again: another may have renewed meanwhile."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()

        async def overtaken(request: Request) -> Response:
            await desk.store(version=2)
            desk.forms.append(request.url)
            return DEAD["as the standard says"]

        tokens = replace(desk.tokens(), send=overtaken)
        assert (await tokens.renew(opened)).access == Secret("access-2")
        assert len(desk.forms) == 1

    at_desk(database, story)


@pytest.mark.parametrize("lack", ["no refresh token", "no credentials"])
def test_what_cannot_be_renewed_asks_the_person(database: Database, lack: str) -> None:
    """sync.md 25: nothing to renew with, or nothing at all: login_required, and nobody is asked."""

    async def story(desk: Desk) -> None:
        opened = await desk.store(refresh=None)
        if lack == "no credentials":
            await desk.it.database.write(credentials.delete, desk.it.connection_id)
        ending = await desk.halted(opened)
        assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.LOGIN_REQUIRED)
        assert desk.forms == []

    at_desk(database, story)


def test_a_dead_refreshers_claim_runs_out(database: Database) -> None:
    """sync.md 25: who died between claim and answer is waited for one minute, then replaced."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        began = desk.it.watch()
        claimed = await desk.it.database.write(
            credentials.claim_refresh,
            desk.it.connection_id,
            version=1,
            refresher="dead",
            now=began,
            until=began + CLAIM,
        )
        assert claimed
        desk.says = [fresh(2)]

        async def five_seconds(_poll: float) -> None:
            desk.it.watch.later(seconds=5)

        tokens = replace(desk.tokens(), sleep=five_seconds)
        assert (await tokens.renew(opened)).access == Secret("access-2")
        assert desk.it.watch() - began == CLAIM + timedelta(seconds=5)

    at_desk(database, story)


def test_a_rotated_token_is_stored_before_it_is_used(database: Database) -> None:
    """sync.md 25: at the first request with the new token, the database knows it already."""
    bank = FakeBank(
        link_plans=(PLAN,),
        scripts={"a": reading(Request("GET", "https://bank.example/rows"), page(cursor="x"))},
    )
    told: list[tuple[str, int]] = []

    async def story() -> None:
        async with bench(database.url, bank) as it:
            desk = Desk(it, fresh(2))
            await desk.store()

            async def send(request: Request) -> Response:
                if request.url == TOKEN_URL:
                    return await desk.send(request)
                token = request.headers["authorization"]
                told.append((token, (await desk.stored()).version))
                return answered(401 if token == "access-1" else 200)

            syncer = replace(it.syncer, send_for=lambda _name: send)
            run = await syncer.start(it.connection_id, trigger="test")
            assert run is not None
            ending, _ = await run.finish()
            assert ending.outcome is Outcome.DONE
            assert told == [("access-1", 1), ("access-2", 2)]
            assert run.tally.refreshes == 1

    play(story())


async def refuse_all(home: House) -> int:
    """Link the bank that ends a consent whose old token is used again; let the token be refused."""
    number = await home.link()
    home.expire_access()
    return number


def test_of_many_processes_one_asks(database: Database) -> None:
    """O5: forty refreshers in eight processes against strict rotation: one refresh, none dead."""
    processes = 8 if database.kind == "postgres" else 4

    async def story(home: House) -> None:
        number = await refuse_all(home)
        asked = asked_for_tokens(home)
        told = await crowd(
            processes,
            "tests.engine.acts.refresh",
            url=database.url,
            bank_url=home.bank.url,
            connection_id=number,
            owner_id=home.owner_id,
            tasks=5,
        )
        assert len({mark for marks in told for mark in marks}) == 1
        assert [len(marks) for marks in told] == [5] * processes
        assert asked_for_tokens(home) == asked + 1
        (grant,) = home.bank.authority.grants
        assert (grant.refreshes, grant.state) == (1, ConsentState.ACTIVE)
        (stored,) = await home.all(sa.select(credentials.credentials))
        assert (stored.version, stored.refresher) == (2, None)
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE

    at_home(database, story)
