"""A token is renewed to the end, or as the bank says."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from penstock.db import credentials
from penstock.db.connect import open_database
from penstock.domain.consent import Credentials
from penstock.domain.errors import TransportFailure
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.outcome import Halt, Outcome
from penstock.domain.remedy import RemedyKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from tests.databases import Database
from tests.engine.bench import NOON, SEALS, Bench, bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.engine.interposed import Interposed
from tests.engine.token_desk import PLAN as TOKEN_PLAN
from tests.engine.token_desk import Desk, at_desk, fresh

PLAN = OAuthPlan(
    issuer="https://bank.example",
    authorize_url="https://bank.example/authorize",
    token_url="https://bank.example/token",
    revoke_url=None,
    client_id="penstock",
)
NEW = {"access_token": "new", "refresh_token": "newer", "token_type": "bearer", "expires_in": 600}


def bank() -> FakeBank:
    """Make a bank that is linked through the browser, and is asked for one page."""
    asking = reading(Request("GET", "https://bank.example/v1/rows"), page(cursor="x"))
    return FakeBank(scripts={"a": asking}, link_plans=(PLAN,))


async def old_tokens(it: Bench) -> None:
    """Store tokens of which one has ended."""
    opened = Credentials(Secret("old"), Secret("older"), NOON)
    sealed = SEALS.seal(opened, it.connection_id, it.owner_id, plan=0, version=2)
    await it.database.write(credentials.save, sealed)


def test_a_run_that_is_stopped_keeps_the_token_that_it_was_given(database: Database) -> None:
    """sync.md 25, 29: the bank has rotated: the new token is stored though nobody waits for it."""

    async def story() -> None:
        async with bench(database.url, bank()) as it:
            await old_tokens(it)
            asked, answer = asyncio.Event(), asyncio.Event()

            async def slow(request: Request) -> Response:
                asked.set()
                await answer.wait()
                return Response(200, {}, json.dumps(NEW).encode(), request.url)

            syncer = replace(it.syncer, send_for=lambda _name: slow)
            run = await syncer.start(it.connection_id, trigger="test")
            assert run is not None
            finishing = asyncio.create_task(run.finish())
            await asked.wait()
            finishing.cancel()
            await asyncio.sleep(0)
            answer.set()
            with pytest.raises(asyncio.CancelledError):
                await finishing
            sealed = await it.database.read(credentials.find, it.connection_id)
            assert sealed is not None
            assert sealed.version == 3
            assert SEALS.open(sealed, it.owner_id).refresh == Secret("newer")

    play(story())


def test_a_token_outlives_a_database_that_is_away(database: Database) -> None:
    """sync.md 25: the bank has rotated: the new token is stored as soon as that can be done."""
    failing = ["_store"] * 3

    async def before(work: str) -> None:
        if work in failing:
            failing.remove(work)
            raise OperationalError("UPDATE credentials", {}, Exception("the server is gone"))

    def opening(url: str) -> Interposed:
        return Interposed(open_database(url).engine, before)

    async def story() -> None:
        async with bench(database.url, bank(), opening=opening) as it:
            await old_tokens(it)

            async def send(request: Request) -> Response:
                return Response(200, {}, json.dumps(NEW).encode(), request.url)

            run = await replace(it.syncer, send_for=lambda _name: send).start(
                it.connection_id, trigger="test"
            )
            assert run is not None
            ending, _ = await run.finish()
            assert (ending.outcome, failing) == (Outcome.DONE, [])
            sealed = await it.database.read(credentials.find, it.connection_id)
            assert sealed is not None
            assert SEALS.open(sealed, it.owner_id).refresh == Secret("newer")

    play(story())


def test_no_power_cut_takes_a_new_token_back(sqlite_database: Database) -> None:
    """sync.md 25: the one write that cannot be made good waits for the disk, and no other."""
    levels: dict[str, set[str]] = {"NORMAL": set(), "FULL": set()}

    async def story(desk: Desk) -> None:
        opened = await desk.store()

        @sa.event.listens_for(desk.it.database.engine, "before_cursor_execute")
        def note(one: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
            driver: Any = one.connection.driver_connection
            ((level,),) = driver.execute("PRAGMA synchronous").fetchall()
            levels["FULL" if level == 2 else "NORMAL"].add(" ".join(statement.split()[:4]))

        desk.says = [fresh(2)]
        await desk.tokens().renew(opened)
        await desk.it.write(sa.text("UPDATE users SET username = 'eve'"))

    at_desk(sqlite_database, story)
    assert "UPDATE credentials SET access=?," in levels["FULL"]
    assert "UPDATE credentials SET refresher=?," in levels["NORMAL"]
    assert "UPDATE users SET username" in levels["NORMAL"]


def test_the_token_endpoints_wait_is_obeyed(database: Database) -> None:
    """sync.md 22: a 429 of the token endpoint becomes a stored bar, and nobody asks before."""

    async def story() -> None:
        async with bench(database.url, bank()) as it:
            await old_tokens(it)

            async def busy(request: Request) -> Response:
                return Response(429, {"retry-after": "3600"}, b"", request.url)

            it.syncer = replace(it.syncer, send_for=lambda _name: busy)
            ending, run = await it.sync()
            assert ending.outcome is Outcome.THROTTLED
            assert run.tally.throttled == 1
            assert (await it.connection()).not_before == NOON + timedelta(hours=1)

    play(story())


def test_a_wrong_client_is_for_the_operator(database: Database) -> None:
    """sync.md 21: what no waiting mends is not said to mend itself."""

    async def story() -> None:
        async with bench(database.url, bank()) as it:
            await old_tokens(it)

            async def no(request: Request) -> Response:
                return Response(401, {}, b'{"error": "invalid_client"}', request.url)

            it.syncer = replace(it.syncer, send_for=lambda _name: no)
            ending, _ = await it.sync()
            assert ending.remedy is not None
            assert ending.remedy.kind is RemedyKind.FIX_CODE

    play(story())


@pytest.mark.parametrize("meanwhile", ["disconnected", "renewed"])
def test_a_token_that_comes_too_late_is_revoked(database: Database, meanwhile: str) -> None:
    """O9: who disconnects while the bank gives a new token leaves none that is good behind.

    Where a newer one is stored it is left alone: it may be of the same consent.
    """
    plan = replace(TOKEN_PLAN, revoke_url="https://bank.example/revoke")
    revoked: list[str] = []

    async def story(desk: Desk) -> None:
        opened = await desk.store()

        async def send(request: Request) -> Response:
            if request.url == plan.revoke_url:
                revoked.append((request.body or b"").decode())
                raise TransportFailure("The bank is down.")
            if meanwhile == "renewed":
                await desk.store(version=7)
            else:
                await desk.it.database.write(credentials.delete, desk.it.connection_id)
            return fresh(2)

        tokens = replace(desk.tokens(), send=send, connector=FakeBank(link_plans=(plan,)))
        if meanwhile == "renewed":
            assert (await tokens.renew(opened)).access == Secret("access-7")
            assert revoked == []
            return
        with pytest.raises(Halt) as caught:
            await tokens.renew(opened)
        assert caught.value.ending.outcome is Outcome.CONSENT
        assert "token=refresh-2" in revoked[0]

    at_desk(database, story)
