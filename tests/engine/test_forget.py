"""The end of a connection: revoked at the bank, wiped here, and kept or erased as asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.aliases import aliases
from penstock.db.balances import balances
from penstock.db.changes import START, page
from penstock.db.connections import connections
from penstock.db.credentials import credentials, find
from penstock.db.cursors import cursors
from penstock.db.erasures import erasures
from penstock.db.leases import leases
from penstock.db.runs import runs
from penstock.db.tie_outs import tie_outs
from penstock.db.transactions import transactions
from penstock.domain.consent import ConsentState
from penstock.domain.errors import Conflict, NotFound, TransportFailure
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.forget import Forgetter
from penstock.engine.seal import Seals
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from tests.databases import Database
from tests.engine.house import House
from tests.engine.interposed import Interposed
from tests.engine.linking import at_home
from tests.engine.midway import held_while_reading

OTHER = "1b7e42c09fd365a8e0741c2b5d9836fa7c5e20b1d8496af3027be9c4156d83a0"


async def tokens(home: House, connection_id: int) -> list[str]:
    """Return a connection's tokens, as the bank gave them."""
    sealed = await home.penstock.database.read(find, connection_id)
    assert sealed is not None
    opened = home.penstock.forgetter.seals.open(sealed, home.owner_id)
    assert opened.refresh is not None
    return [opened.access.reveal(), opened.refresh.reveal()]


async def good(home: House, some: list[str]) -> list[bool]:
    """Ask the bank whether it still honours these tokens (RFC 7662)."""
    found = []
    async with aiohttp.ClientSession() as session:
        for token in some:
            form = {"token": token, "client_id": "penstock"}
            async with session.post(f"{home.bank.url}/oauth/introspect", data=form) as answer:
                found.append(bool((await answer.json())["active"]))
    return found


async def counts(home: House, *tables: sa.Table) -> list[int]:
    """Count the rows of tables."""
    return [len(await home.all(table.select())) for table in tables]


def end(
    home: House, number: int, forgetter: Forgetter | None = None, **more: Any
) -> Awaitable[Any]:
    """Disconnect."""
    given: dict[str, Any] = {"owner_id": home.owner_id, "delete": False} | more
    return (forgetter or home.penstock.forgetter).disconnect(number, **given)


def test_our_access_ends_at_the_bank_and_here(database: Database) -> None:
    """O9: revoked there, by the bank's own word; credentials and cursors wiped; history stays."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        given = await tokens(home, number)
        assert await good(home, given) == [True, True]
        rows, numbers = await home.rows(), await counts(home, balances, accounts, runs)
        assert (await end(home, number)).revoked
        assert await good(home, given) == [False, False]
        assert await counts(home, credentials, cursors) == [0, 0]
        assert await home.rows() == rows == home.truth()
        assert await counts(home, balances, accounts, runs) == numbers
        assert await home.all(erasures.select()) == []
        (row,) = await home.all(connections.select())
        assert row.disconnected_at is not None
        assert (row.consent, row.next_sync_at) == (ConsentState.REVOKED, None)
        with pytest.raises(Conflict):
            await home.penstock.syncer.start(number, trigger="test")
        assert await home.penstock.runner.tick() == 0

    at_home(database, story)


TROUBLES: dict[str, Callable[[Request], Response]] = {
    "an error": lambda request: Response(503, {}, b"", request.url),
    "a refusal": lambda request: Response(400, {}, b'{"error":"invalid_client"}', request.url),
    "a page": lambda request: Response(302, {"location": "/"}, b"<html>", request.url),
}


def down(_request: Request) -> Response:
    """Be a bank that cannot be reached."""
    raise TransportFailure("The bank is down.")


@pytest.mark.parametrize("how", ["no answer", *TROUBLES])
def test_a_bank_that_is_down_keeps_nothing_here(sqlite_database: Database, how: str) -> None:
    """O9: wiped all the same, and it is said that the bank did not confirm."""
    respond = TROUBLES.get(how, down)
    asked: list[Request] = []

    def send_for(_name: str) -> Sender:
        async def send(request: Request) -> Response:
            asked.append(request)
            return respond(request)

        return send

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        forgetter = replace(home.penstock.forgetter, send_for=send_for)
        assert not (await end(home, number, forgetter)).revoked
        assert asked
        assert all(request.url.endswith("/oauth/revoke") for request in asked)
        assert await counts(home, credentials, cursors) == [0, 0]
        (row,) = await home.all(connections.select())
        assert row.disconnected_at is not None

    at_home(sqlite_database, story)


def test_what_cannot_be_opened_is_wiped_too(database: Database) -> None:
    """O9, K5: with another key nobody can revoke; what is sealed here is deleted even so."""

    async def story(home: House) -> None:
        number = await home.link()
        seals = Seals(Cipher(Key.parse(Secret(OTHER))))
        forgetter = replace(home.penstock.forgetter, seals=seals)
        assert not (await end(home, number, forgetter)).revoked
        assert await counts(home, credentials) == [0]
        assert home.bank.counters["requests:revoke"] == 0

    at_home(database, story)


def test_deleting_leaves_stubs_and_nothing_else(database: Database) -> None:
    """sync.md 19: who follows the feed learns of each erased account, balance and transaction."""

    async def story(home: House) -> None:
        other, number = await home.link(), await home.link()
        for one in (other, number):
            await home.sync(one)
        home.step()
        await home.sync(number)
        ours = sa.select(accounts.c.id).where(accounts.c.connection_id == number)
        gone = {
            (kind, row.id)
            for kind, table, key in (
                ("account", accounts, accounts.c.id),
                ("balance", balances, balances.c.account_id),
                ("transaction", transactions, transactions.c.account_id),
            )
            for row in await home.all(table.select().where(key.in_(ours)))
        }
        read = home.penstock.database.read
        feed: dict[str, Any] = {"owner_id": home.owner_id, "today": home.penstock.clock().date()}
        before = await read(page, **feed, after=START, limit=1000)
        kept = await home.all(transactions.select().where(transactions.c.account_id.not_in(ours)))
        assert (await end(home, number, delete=True)).revoked
        after = await read(page, **feed, after=before.changes[-1].position, limit=1000)
        assert {one.kind for one in after.changes} == {"erasure"}
        stubs = [(row.kind, row.row_id) for row in await home.all(erasures.select())]
        assert len(after.changes) == len(stubs) == len(gone)
        assert set(stubs) == gone
        assert await home.all(transactions.select()) == kept
        for table in (leases, runs, accounts, credentials):
            assert {row.connection_id for row in await home.all(table.select())} == {other}
        assert [row.id for row in await home.all(connections.select())] == [other]
        for table in (balances, tie_outs):
            assert {row.account_id for row in await home.all(table.select())} == {
                row.account_id for row in kept
            }
        left = {row.transaction_id for row in await home.all(aliases.select())}
        assert left <= {row.id for row in kept}

    at_home(database, story)


def test_data_can_be_deleted_later(database: Database) -> None:
    """O9: what was disconnected and kept can still be erased, without asking the bank again."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        await end(home, number)
        asked = home.bank.counters["requests:revoke"]
        assert (await end(home, number, delete=True)).revoked is None
        assert home.bank.counters["requests:revoke"] == asked
        assert await counts(home, connections, accounts, transactions, balances) == [0, 0, 0, 0]
        with pytest.raises(NotFound):
            await end(home, number)

    at_home(database, story)


@pytest.mark.parametrize("delete", [False, True])
def test_a_sync_under_way_commits_nothing_after_it(database: Database, delete: bool) -> None:
    """sync.md 20: who disconnects takes the fence from the running sync; nothing comes after."""

    async def story(home: House) -> None:
        number = await home.link()
        async with held_while_reading(home, number) as held:
            assert (await end(home, number, delete=delete)).revoked
        assert held.ending is not None
        assert held.ending.outcome is not Outcome.DONE
        assert not held.again
        assert await counts(home, transactions, accounts, cursors, credentials) == [0, 0, 0, 0]
        assert await counts(home, connections, runs) == ([0, 0] if delete else [1, 1])
        for row in await home.all(connections.select()):
            assert (row.consent, row.next_sync_at) == (ConsentState.REVOKED, None)

    at_home(database, story)


def test_only_ones_own_connection_ends(database: Database) -> None:
    """X1: another person's connection is not found, and stays as it is at the bank and here."""

    async def story(home: House) -> None:
        number = await home.link()
        given = await tokens(home, number)
        for delete in (False, True):
            with pytest.raises(NotFound):
                await end(home, number, owner_id=home.owner_id + 1, delete=delete)
        assert await good(home, given) == [True, True]
        assert await counts(home, connections, credentials) == [1, 1]

    at_home(database, story)


def test_what_is_revoked_is_what_was_wiped(database: Database) -> None:
    """O9: where a token is renewed at the same moment, the newest one is the one that is ended."""
    asked: list[bytes] = []

    def send_for(_name: str) -> Sender:
        async def send(request: Request) -> Response:
            asked.append(request.body or b"")
            return Response(200, {}, b"", request.url)

        return send

    async def story(home: House) -> None:
        number = await home.link()
        seals = home.penstock.forgetter.seals
        sealed = await home.penstock.database.read(find, number)
        assert sealed is not None
        opened = seals.open(sealed, home.owner_id)
        newer = replace(opened, access=Secret("newer-access"), refresh=Secret("newer-refresh"))
        again = seals.seal(newer, number, home.owner_id, plan=0, version=2)

        update = credentials.update().values(access=again.access, refresh=again.refresh, version=2)

        async def renewed_before(_work: str) -> None:
            await home.penstock.database.write(lambda one: one.execute(update))

        overtaken = Interposed(home.penstock.database.engine, renewed_before)
        forgetter = replace(home.penstock.forgetter, send_for=send_for, database=overtaken)
        assert (await end(home, number, forgetter)).revoked
        assert await counts(home, credentials) == [0]
        sent = b" ".join(asked)
        assert b"newer-refresh" in sent
        assert b"newer-access" in sent
        await asyncio.to_thread(overtaken.close)

    at_home(database, story)
