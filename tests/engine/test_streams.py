"""A connection's streams: each whole or not at all, and none in the way of another."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
import sqlalchemy as sa

from penstock.db import cursors, leases, runs
from penstock.db.balances import balances
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import ContractBroken
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Pull, Request, Response
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal
from penstock.domain.update import Balances, Page
from penstock.engine.commit import commit
from penstock.engine.seal import Seals
from penstock.engine.streams import MOST_PAGES, MOST_RESTARTS
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import NOON, Bench, bench
from tests.engine.fake_bank import URL, FakeBank, account, page, reading
from tests.engine.house import play

GET = Request("GET", URL)
OTHER_KEY = "1b7e42c09fd365a8e0741c2b5d9836fa7c5e20b1d8496af3027be9c4156d83a0"


def stated(amount: str, of: str = "a") -> Balances:
    """Make a current balance."""
    kind = BalanceKind.CURRENT
    return Balances([BalanceSeen(of, kind, Decimal(amount), "EUR", NOON, NOON.date())])


def then(pull: Pull, error: Exception) -> Pull:
    """Read a stream, then fail."""
    yield from pull
    raise error


def test_an_empty_cursor_means_not_ready(database: Database) -> None:
    """sync.md 1: it is never stored and never counts as done; what came with it is not kept."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="", more=False))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for _ in range(2):
                ending, run = await it.sync()
                assert ending.outcome is Outcome.NOT_READY
                assert run.retry_at == ending.until == NOON + timedelta(minutes=2)
                assert (await it.ids(), await it.cursors()) == ([], {})
                assert (await it.connection()).last_success_at is None
            assert bank.asked == [("a", None), ("a", None)]

    play(story())


def test_no_cursor_an_empty_one_and_a_stored_one_are_three_things(database: Database) -> None:
    """sync.md 1: a page without a cursor leaves the stored one, an empty one leaves it too."""
    bank = FakeBank(scripts={"a": reading(page(cursor="one"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            for script in (page(row("1"), cursor=None), page(cursor="")):
                bank.scripts = {"a": reading(script)}
                await it.sync()
                assert await it.cursors() == {"a": "one"}
            assert bank.asked == [("a", None), ("a", "one"), ("a", "one")]
            assert await it.ids() == ["1"]

    play(story())


def test_cursors_are_each_streams_own(database: Database) -> None:
    """sync.md 1: keyed by connection and stream: one that has nothing new leaves the others."""
    bank = FakeBank(
        accounts=[account("a"), account("b")],
        scripts={
            "a": reading(page(row("1"), cursor="at a")),
            "b": reading(page(row("2", account="b"), cursor="at b")),
        },
    )

    async def story() -> None:
        async with bench(database.url, bank) as it:
            second = await it.connect()
            await it.sync()
            assert await it.cursors() == {"a": "at a", "b": "at b"}
            assert await it.database.read(cursors.find, second, "a") is None
            await it.sync()
            assert bank.asked[2:] == [("a", "at a"), ("b", "at b")]

    play(story())


def test_a_cursor_in_mid_update_is_never_stored(database: Database) -> None:
    """sync.md 3, 4: what breaks off after a page leaves neither its rows nor its cursor."""
    first = reading(page(row("1"), cursor="middle", more=True))
    bank = FakeBank(scripts={"a": lambda cursor: then(first(cursor), ContractBroken("nonsense"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, run = await it.sync()
            assert (ending.outcome, ending.message) == (Outcome.CONTRACT, "nonsense")
            assert (run.tally.pages, run.tally.inserted) == (1, 0)
            assert (await it.ids(), await it.cursors()) == ([], {})

    play(story())


def test_a_checkpoint_of_the_connectors_own_is_kept(database: Database) -> None:
    """sync.md 4: where the connector says that a page is a checkpoint, what came so far stays."""
    steps = (
        page(row("1"), cursor="1", more=True, checkpoint=True),
        page(row("2"), cursor="2", more=True),
    )
    bank = FakeBank(scripts={"a": lambda _: then(reading(*steps)(None), ContractBroken("x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, run = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert (await it.ids(), await it.cursors()) == (["1"], {"a": "1"})
            assert (run.tally.pages, run.tally.inserted) == (2, 1)
            bank.scripts = {"a": reading(page(row("2"), cursor="3"))}
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE
            assert bank.asked[-1] == ("a", "1")
            assert (await it.ids(), await it.cursors()) == (["1", "2"], {"a": "3"})

    play(story())


LESS = {
    "a cursor that repeats": [page(cursor="x", more=True), page(cursor="x", more=True)],
    "a cursor that comes back": [
        page(cursor="x", more=True),
        page(cursor="y", more=True),
        page(cursor="x", more=True),
    ],
    "no further page": [page(row("1"), cursor="x", more=True)],
}


@pytest.mark.parametrize("how", LESS)
def test_less_than_all_is_a_failure(database: Database, how: str) -> None:
    """sync.md 5: more is announced, but the cursor repeats or nothing comes: partial, not done."""
    bank = FakeBank(scripts={"a": reading(*LESS[how])})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.PARTIAL
            assert (await it.ids(), await it.cursors()) == ([], {})
            assert (await it.connection()).failures == 1

    play(story())


def test_a_stored_cursor_that_comes_back_is_no_circle(database: Database) -> None:
    """sync.md 5: the last page may well say "go on from where you are": nothing new, and done."""
    bank = FakeBank(scripts={"a": reading(page(cursor="x", more=False))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for _ in range(3):
                ending, _ = await it.sync()
                assert ending.outcome is Outcome.DONE

    play(story())


def test_pages_without_end_are_a_failure(sqlite_database: Database) -> None:
    """sync.md 5: a bank that never stops announcing more is stopped by a cap, and not as done."""

    def endless(_cursor: str | None) -> Pull:
        number = 0
        while True:
            number += 1
            yield page(cursor=str(number), more=True)

    bank = FakeBank(scripts={"a": endless})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            ending, run = await it.sync()
            assert ending.outcome is Outcome.PARTIAL
            assert run.tally.pages == MOST_PAGES
            assert await it.cursors() == {}

    play(story())


def test_data_that_moves_starts_the_update_over(database: Database) -> None:
    """sync.md 3: from the cursor of its first page, what was staged thrown away; not for ever."""

    def moving(cursor: str | None) -> Pull:
        yield GET
        yield page(row(f"seen {len(bank.asked)}"), cursor=f"{cursor}+", more=True)
        yield GET
        yield page(row("last"), cursor="end")

    bank = FakeBank(scripts={"a": reading(page(cursor="start"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": moving}
            it.wire.says = [200, 409, 409, 200, 200]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 2)
            assert bank.asked[1:] == [("a", "start")] * 3
            assert await it.ids() == ["last", "seen 4"]
            it.wire.says = [409] * 100
            ending, run = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert run.tally.restarts == MOST_RESTARTS + 1
            assert await it.cursors() == {"a": "end"}

    play(story())


@pytest.mark.parametrize("stored", [None, "stored"])
def test_a_cursor_lost_in_the_middle_starts_the_update_over(
    database: Database, stored: str | None
) -> None:
    """sync.md 3: it is not the stored one that was lost: reading from nothing tells no removals."""

    def losing(cursor: str | None) -> Pull:
        yield GET
        yield page(row("1"), cursor=f"{cursor}+", more=True)
        yield GET
        yield page(row("2"), cursor="end")

    bank = FakeBank(scripts={"a": reading(page(cursor=stored))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": losing}
            it.wire.says = [200, 404]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 1)
            assert bank.asked == [("a", None), ("a", stored), ("a", stored)]
            assert await it.ids() == ["1", "2"]

    play(story())


def test_a_stored_cursor_that_is_lost_starts_from_nothing(database: Database) -> None:
    """sync.md 27: a first page that does not know our cursor: all over, identities kept."""

    def reader(cursor: str | None) -> Pull:
        yield GET
        yield page(row("1"), row("2", "-3.00"), cursor=f"after {cursor}")

    bank = FakeBank(scripts={"a": reader})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            it.wire.says = [404]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 1)
            assert (run.tally.inserted, run.tally.unchanged) == (0, 2)
            assert bank.asked == [("a", None), ("a", "after None"), ("a", None)]
            it.wire.says = [404, 404]
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CURSOR_LOST
            assert await it.cursors() == {"a": "after None"}

    play(story())


def test_reading_all_again_hears_of_removals_too(database: Database) -> None:
    """sync.md 12: a full reading tells of no removal, so what the stored cursor knows is heard too.

    The cursor of the full reading is stored: it alone knows the younger rows.
    """

    def reader(cursor: str | None) -> Pull:
        if cursor is None:
            yield page(row("1"), row("3"), cursor="young")
        else:
            yield Page([], [Removal("a", "2")], "of no use", more=False)

    bank = FakeBank(scripts={"a": reading(page(row("1"), row("2"), cursor="old"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync(from_start=True)
            assert bank.asked == [("a", None)]
            bank.scripts = {"a": reader}
            ending, run = await it.sync(from_start=True)
            assert bank.asked[1:] == [("a", None), ("a", "old")]
            assert (ending.outcome, run.tally.pages) == (Outcome.DONE, 1)
            assert (run.tally.inserted, run.tally.removed) == (1, 1)
            assert (await it.ids(), await it.cursors()) == (["1", "3"], {"a": "young"})

    play(story())


HALF_HEARD: dict[str, tuple[tuple[Page | Request, ...], Outcome]] = {
    "no further page": ((page(cursor="x", more=True),), Outcome.PARTIAL),
    "a cursor that repeats": ((page(cursor="x", more=True),) * 2, Outcome.PARTIAL),
    "not ready": ((page(cursor="", more=False),), Outcome.NOT_READY),
    "lost on the way": ((page(cursor="x", more=True), GET), Outcome.TRANSIENT),
}


@pytest.mark.parametrize("how", HALF_HEARD)
def test_removals_that_are_half_heard_are_not_passed_over(database: Database, how: str) -> None:
    """sync.md 1, 3, 5: as long as the old cursor has not said all, it is not given up."""
    steps, outcome = HALF_HEARD[how]
    whole = reading(page(row("1"), cursor="young"))

    def reader(cursor: str | None) -> Pull:
        return whole(cursor) if cursor is None else reading(*steps)(cursor)

    bank = FakeBank(scripts={"a": reading(page(row("1"), row("2"), cursor="old"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reader}
            it.wire.says = [404] * 20
            ending, _ = await it.sync(from_start=True)
            assert ending.outcome is outcome
            assert (await it.ids(), await it.cursors()) == (["1", "2"], {"a": "old"})

    play(story())


def test_an_old_cursor_that_is_forgotten_has_nothing_to_say(database: Database) -> None:
    """sync.md 27: reading all again goes on without it, and keeps the cursor of the reading."""

    def reader(cursor: str | None) -> Pull:
        if cursor is not None:
            yield GET
        yield page(row("1"), cursor="young")

    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="old"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reader}
            it.wire.says = [404]
            ending, _ = await it.sync(from_start=True)
            assert (ending.outcome, await it.cursors()) == (Outcome.DONE, {"a": "young"})

    play(story())


STRANGERS = {
    "a row": (page(row("1"), row("2", account="nobody"), cursor="x"),),
    "a balance": (stated("1.00", of="nobody"), page(row("1"), cursor="x")),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_what_belongs_to_no_listed_account_aborts(database: Database, what: str) -> None:
    """sync.md 8: never log and advance: nothing is stored, and the account is named."""
    bank = FakeBank(scripts={"a": reading(*STRANGERS[what])})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert "nobody" in (ending.message or "")
            assert ending.remedy is not None
            assert ending.remedy.kind is RemedyKind.FIX_CODE
            assert (await it.ids(), await it.cursors()) == ([], {})
            assert await it.all(balances.select()) == []

    play(story())


FAILURES: dict[str, tuple[Callable[[str | None], Pull], Outcome]] = {
    "broken": (lambda _: then(reading()(None), ContractBroken("nonsense")), Outcome.CONTRACT),
    "a bug": (lambda _: then(reading()(None), KeyError("amount")), Outcome.CONTRACT),
    "partial": (reading(page(row("x"), cursor="x", more=True)), Outcome.PARTIAL),
    "not ready": (reading(page(cursor="")), Outcome.NOT_READY),
    "a stranger": (reading(page(row("x", account="z"), cursor="x")), Outcome.CONTRACT),
    "down": (reading(GET, page(cursor="x")), Outcome.TRANSIENT),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_stream_that_fails_stops_no_other(database: Database, failure: str) -> None:
    """sync.md 29: the other accounts are read and stored; the run is not done, and says why."""
    script, outcome = FAILURES[failure]
    bank = FakeBank(
        accounts=[account(name) for name in "abc"],
        scripts={
            "a": reading(page(row("1"), cursor="at a")),
            "b": script,
            "c": reading(stated("5.00", of="c"), page(row("3", account="c"), cursor="at c")),
        },
    )

    async def story() -> None:
        async with bench(database.url, bank) as it:
            it.wire.says = [503] * 5
            ending, run = await it.sync()
            assert ending.outcome is outcome
            assert ending.message
            assert await it.ids() == ["1", "3"]
            assert await it.cursors() == {"a": "at a", "c": "at c"}
            assert run.tally.inserted == 2
            assert (await it.connection()).last_success_at is None
            bank.scripts = {**bank.scripts, "b": reading(page(row("2", account="b"), cursor="b"))}
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE
            assert await it.ids() == ["1", "2", "3"]

    play(story())


@pytest.mark.parametrize(("status", "outcome"), [(403, Outcome.CONSENT), (429, Outcome.THROTTLED)])
def test_what_concerns_all_streams_stops_them(
    database: Database, status: int, outcome: Outcome
) -> None:
    """sync.md 21, 22: an ended consent or a long throttle is not tried out on every account."""
    scripts = {name: reading(GET, page(row(name, account=name), cursor=name)) for name in "abc"}
    bank = FakeBank(accounts=[account(name) for name in "abc"], scripts=scripts)

    async def story() -> None:
        async with bench(database.url, bank) as it:
            it.wire.says = [200, *[status] * 5]
            ending, _ = await it.sync()
            assert ending.outcome is outcome
            assert [key for key, _ in bank.asked] == ["a", "b"]
            assert await it.ids() == ["a"]

    play(story())


def test_one_connection_that_fails_stops_no_other(database: Database) -> None:
    """sync.md 29: each connection has its own run, its own failures and its own next time."""
    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            second = await it.connect()
            it.wire.says = [422]
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            run = await it.syncer.start(second, trigger="test")
            assert run is not None
            ending, _ = await run.finish()
            assert ending.outcome is Outcome.DONE
            assert (await it.connection()).failures == 1

    play(story())


def test_a_missing_account_keeps_its_rows(database: Database) -> None:
    """sync.md 17: an account no longer listed becomes inactive; nothing of it is deleted."""
    bank = FakeBank(
        accounts=[account("a"), account("b")],
        scripts={"all": reading(page(row("1"), row("2", account="b"), cursor="x"))},
    )

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.accounts = [account("a")]
            bank.scripts = {"all": reading(page(cursor="y"))}
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.removed) == (Outcome.DONE, 0)
            assert await it.active() == {"a": True, "b": False}
            assert await it.ids() == ["1", "2"]

    play(story())


def test_a_bank_without_accounts_is_no_error(database: Database) -> None:
    """sync.md 17: where all accounts are closed, a sync is done, and what was there stays."""
    bank = FakeBank(scripts={"all": reading(page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.accounts = []
            bank.scripts = {"all": reading(page(cursor="y"))}
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE
            assert await it.active() == {"a": False}
            assert (await it.ids(), await it.cursors()) == (["1"], {"all": "y"})

    play(story())


def test_a_cursor_that_another_has_moved_commits_nothing(database: Database) -> None:
    """sync.md 20: the cursor is re-read under the lease; an update from an old one is dropped."""

    def moved(_cursor: str | None) -> Pull:
        it = benches[0]
        it.database.write_now(cursors.save, it.connection_id, "a", "theirs", now=NOON)
        yield page(row("1"), cursor="ours")

    benches: list[Bench] = []
    bank = FakeBank(scripts={"a": moved})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            benches.append(it)
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert (await it.ids(), await it.cursors()) == ([], {"a": "theirs"})

    play(story())


def test_a_connector_that_is_gone_is_said(database: Database) -> None:
    """sync.md 21: a connection of a bank that this installation no longer has says so."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank, connectors={}) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert "'fake'" in (ending.message or "")

    play(story())


def test_credentials_of_another_key_are_said(database: Database) -> None:
    """security.md K5: what this key does not open ends the run with what to do; nothing is lost."""
    bank = FakeBank(scripts={"a": reading(GET, page(cursor="x"))})
    other = Seals(Cipher(Key.parse(Secret(OTHER_KEY))))

    async def story() -> None:
        async with bench(database.url, bank, seals=other) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert ending.remedy is not None
            assert "key" in (ending.message or "")
            assert it.wire.sent == []

    play(story())


def test_a_run_that_is_stopped_in_its_commit_counts_it(database: Database) -> None:
    """sync.md 29, 31: who is stopped while committing commits whole, and the record says so."""
    held, go_on = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE feeds SET last = last"))
        held.set()
        assert go_on.wait(60)

    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), row("2"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            blocking: list[asyncio.Task[None]] = []

            async def send(request: Request) -> Response:
                blocking.append(asyncio.create_task(it.database.write(hold)))
                await asyncio.to_thread(held.wait, 60)
                return Response(200, {}, b"", request.url)

            syncer = replace(it.syncer, send_for=lambda _name: send)
            run = await syncer.start(it.connection_id, trigger="test")
            assert run is not None
            finishing = asyncio.create_task(run.finish())
            while run.tally.pages == 0:
                await asyncio.sleep(0)
            finishing.cancel()
            for _ in range(50):
                await asyncio.sleep(0)
            assert not finishing.done()
            go_on.set()
            await blocking[0]
            with pytest.raises(asyncio.CancelledError):
                await finishing
            record = await it.run(run.run_id)
            assert await it.ids() == ["1", "2"]
            assert record.outcome == Outcome.TRANSIENT
            assert (record.tally.pages, record.tally.inserted) == (1, 2)
            assert await it.syncer.start(it.connection_id, trigger="next") is not None

    play(story())


class Away(Lanes):
    """A database that goes away while an update is committed."""

    async def write(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN201 - any work
        """Do the work, unless it is a commit."""
        if work is commit:
            raise sa.exc.OperationalError("COMMIT", {}, ConnectionError("gone"))
        return await super().write(work, *args, **kwargs)


def test_a_database_that_goes_away_is_no_fault_of_the_bank(database: Database) -> None:
    """sync.md 21: what a database does mends itself: transient, tried again soon, nothing lost."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank, opening=lambda url: Away(_engine(url))) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert (await it.ids(), await it.cursors()) == ([], {})
            healthy = replace(it.syncer, database=Lanes(it.database.engine))
            run = await healthy.start(it.connection_id, trigger="test")
            assert run is not None
            ending, _ = await run.finish()
            healthy.database.close()
            assert (ending.outcome, await it.ids()) == (Outcome.DONE, ["1"])

    play(story())


def _engine(url: str) -> sa.Engine:
    return open_database(url).engine


class Stumbling(Lanes):
    """A database that fails the first heartbeats."""

    beats = 0

    async def write(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN201 - any work
        """Do the work, unless it is one of the first two heartbeats."""
        if work is leases.extend:
            self.beats += 1
            if self.beats <= 2:
                raise ConnectionError("the database cannot be reached")
        return await super().write(work, *args, **kwargs)


def test_a_heartbeat_that_fails_is_not_the_last(database: Database) -> None:
    """sync.md 20: a database that is away for a moment does not end the beating of the heart."""
    lanes: list[Stumbling] = []

    def opening(url: str) -> Lanes:
        lanes.append(Stumbling(_engine(url)))
        return lanes[0]

    async def until_third_beat(_seconds: float) -> None:
        while lanes[0].beats < 3:
            await asyncio.sleep(0)

    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), cursor="x"))})

    async def story() -> None:
        short = timedelta(milliseconds=3)
        opened = partial(bench, opening=opening, lease_time=short, sleep=until_third_beat)
        async with opened(database.url, bank) as it:
            it.wire.says = [503]
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE
            assert lanes[0].beats >= 3

    play(story())


def test_a_lease_that_is_lost_stops_the_work(database: Database) -> None:
    """sync.md 20: when the heart finds the lease gone, what may no longer commit is not gone on."""

    async def seized(_seconds: float) -> None:
        it = benches[0]
        await it.database.write(leases.seize, it.connection_id)
        await asyncio.Event().wait()

    benches: list[Bench] = []
    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), cursor="x"))})

    async def story() -> None:
        short = timedelta(milliseconds=3)
        async with bench(database.url, bank, lease_time=short, sleep=seized) as it:
            benches.append(it)
            it.wire.says = [503]
            ending, run = await it.sync()
            assert (ending.outcome, run.outcome) == (Outcome.TRANSIENT, "transient")
            assert await it.ids() == []
            assert (await it.connection()).last_run_id is None
            assert bank.closed == 1

    play(story())


def test_every_effort_is_explained(database: Database) -> None:
    """sync.md 31: pages, requests, retries, waits, throttles and bytes are in the run's record."""
    bank = FakeBank(
        scripts={"a": reading(GET, page(row("1"), cursor="1", more=True), GET, page(cursor="2"))}
    )

    async def story() -> None:
        async with bench(database.url, bank, random=lambda: 1.0) as it:
            it.wire.says = [429, 503, 200]
            ending, run = await it.sync()
            assert ending.outcome is Outcome.DONE
            expected = runs.Tally(
                pages=2, requests=4, retries=2, throttled=1, waited_ms=3000, inserted=1
            )
            assert run.tally == expected
            assert (run.trigger, run.outcome) == ("test", "done")
            assert run.started_at == run.finished_at == NOON

    play(story())
