"""O9: whoever disconnects wipes at once, and the bank is told until it has heard."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from penstock.db.connections import connections
from penstock.db.credentials import credentials, find
from penstock.db.revocations import revocations
from penstock.domain.errors import Conflict, TransportFailure
from penstock.domain.outcome import Halt
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.engine.forget import Disconnected
from penstock.engine.revoking import HEAD_START, KEPT, LONGEST, Revoker
from tests.databases import Database
from tests.engine.bench import Watch
from tests.engine.fake_bank import FakeBank
from tests.engine.house import House, play
from tests.engine.linking import at_home
from tests.engine.test_forget import good, tokens
from tests.engine.token_desk import Desk, at_desk, fresh
from tests.security.coming_back import GOOD, HONEST, answer, counter


def down(_name: str) -> Sender:
    """Be a bank that cannot be reached."""

    async def send(request: Request) -> Response:
        raise TransportFailure(f"{request!r}: the bank is down.")

    return send


def end(home: House, number: int, **more: Any) -> Awaitable[Disconnected]:
    """Disconnect."""
    return replace(home.penstock.forgetter, **more).disconnect(
        number, owner_id=home.owner_id, delete=False
    )


def revoker(home: House, watch: Watch, **more: Any) -> Revoker:
    """Return what revokes again, at another time."""
    return replace(home.penstock.revoker, clock=watch, **more)


def test_the_bank_says_that_our_tokens_are_dead(database: Database) -> None:
    """O9: introspection says false of both; nothing of them is left here, sealed or not."""

    async def story(home: House) -> None:
        number = await home.link()
        given = await tokens(home, number)
        assert await good(home, given) == [True, True]
        ended = await end(home, number)
        assert (ended.revoked, ended.retried) == (True, False)
        assert await good(home, given) == [False, False]
        assert await home.all(credentials.select()) == []
        assert await home.all(revocations.select()) == []

    at_home(database, story)


@pytest.mark.parametrize("delete", [False, True])
def test_a_bank_that_is_down_is_told_later(database: Database, delete: bool) -> None:
    """O9: the row that opened the bank is wiped at once; the token waits sealed, apart from it.

    Tried again, later and later, until the bank confirms; then nothing is left. So it is where the
    history was erased with it.
    """

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        number = await home.link()
        given = await tokens(home, number)
        forgetter = replace(home.penstock.forgetter, send_for=down, clock=watch)
        ended = await forgetter.disconnect(number, owner_id=home.owner_id, delete=delete)
        assert (ended.revoked, ended.retried) == (False, True)
        assert await home.all(credentials.select()) == []
        assert len(await home.all(connections.select())) == (not delete)
        (row,) = await home.all(revocations.select())
        assert not [token for token in given if token in str(row)]
        assert await good(home, given) == [True, True]
        away, waits = revoker(home, watch, send_for=down), []
        for _ in range(12):
            (row,) = await home.all(revocations.select())
            waits.append(row.next_at - watch.now)
            watch.now = row.next_at - timedelta(microseconds=1)
            assert await away.pass_once() == 0
            watch.now = row.next_at
            assert await away.pass_once() == 1
        assert waits[0] < timedelta(minutes=5)
        assert waits == sorted(waits)
        assert waits[-1] == LONGEST
        watch.now += LONGEST
        assert await revoker(home, watch).pass_once() == 1
        assert await good(home, given) == [False, False]
        assert await home.all(revocations.select()) == []
        assert await revoker(home, watch).pass_once() == 0

    at_home(database, story)


def test_who_dies_before_the_bank_is_told_leaves_it_to_others(database: Database) -> None:
    """O9: what is to be revoked is written in the transaction that wipes it."""

    class Killed(BaseException):
        """Stands for the end of the process."""

    def killed(_name: str) -> Sender:
        async def send(_request: Request) -> Response:
            raise Killed

        return send

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        number = await home.link()
        given = await tokens(home, number)
        with pytest.raises(Killed):
            await end(home, number, send_for=killed, clock=watch)
        assert await home.all(credentials.select()) == []
        assert await revoker(home, watch).pass_once() == 0, "whoever began has it to themselves"
        watch.now += HEAD_START
        assert await revoker(home, watch).pass_once() == 1
        assert await good(home, given) == [False, False]

    at_home(database, story)


def test_it_is_not_kept_for_ever(database: Database) -> None:
    """O9: after a month the token is wiped here too; that it was never revoked stays on record."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        number = await home.link()
        await end(home, number, send_for=down, clock=watch)
        watch.now += KEPT + timedelta(hours=1)
        assert await revoker(home, watch, send_for=down).pass_once() == 1
        (row,) = await home.all(revocations.select())
        assert (row.access, row.refresh, row.key, row.next_at) == (None,) * 4
        assert row.failure
        assert await revoker(home, watch).pass_once() == 0

    at_home(database, story)


def test_two_workers_do_not_revoke_the_same(database: Database) -> None:
    """O9: whoever takes it has it for a while; another worker is given nothing."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        await end(home, await home.link(), send_for=down, clock=watch)
        watch.now += HEAD_START
        seen = []

        def also(_name: str) -> Sender:
            async def send(request: Request) -> Response:
                seen.append(await revoker(home, watch).pass_once())
                raise TransportFailure(f"{request!r}")

            return send

        assert await revoker(home, watch, send_for=also).pass_once() == 1
        assert set(seen) == {0}

    at_home(database, story)


def test_a_token_that_comes_too_late_is_revoked_in_the_end(database: Database) -> None:
    """O9: disconnected while the bank gives a new token, and then the bank is down: it waits."""
    plan = replace(HONEST, token_url="https://bank.example/token")

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        base = desk.tokens()
        asked: list[str] = []

        async def send(request: Request) -> Response:
            if request.url == plan.revoke_url:
                raise TransportFailure("The bank is down.")
            await desk.it.write(credentials.delete())
            return fresh(2)

        async def heard(request: Request) -> Response:
            asked.append((request.body or b"").decode())
            return answer({})

        connector = FakeBank(link_plans=(plan,))
        with pytest.raises(Halt):
            await replace(base, send=send, connector=connector).renew(opened)
        (row,) = await desk.it.all(revocations.select())
        assert "refresh-2" not in str(row)
        desk.it.watch.now = row.next_at
        again = Revoker(
            desk.it.database,
            {connector.name: connector},
            base.seals,
            lambda _name: heard,
            desk.it.watch,
        )
        assert await again.pass_once() == 1
        assert [one.split("&")[0] for one in asked] == ["token=refresh-2", "token=access-2"]

    at_desk(database, story)


def test_what_cannot_be_kept_is_given_back(database: Database) -> None:
    """O9: a renewal whose connection was disconnected meanwhile leaves no token behind."""

    async def story() -> None:
        async with counter(database.url, lambda _: answer(GOOD)) as here:
            state = await here.begin("honest")
            number = await here.finish("honest", state=state, code="c", iss=HONEST.issuer)
            state = await here.begin("honest", connection_id=number)
            gone = connections.update().values(disconnected_at=here.it.watch())
            await here.it.write(gone)
            here.asked.clear()
            with pytest.raises(Conflict):
                await here.finish("honest", state=state, code="d", iss=HONEST.issuer)
            assert here.at("honest.example") == ["/token", "/revoke", "/revoke"]
            sealed = await here.it.database.read(find, number)
            assert sealed is not None
            assert sealed.version == 1

    play(story())
