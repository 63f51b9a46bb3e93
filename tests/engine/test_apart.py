"""What goes wrong with one account or connection stays there, and is said."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from penstock.db import cursors, runs
from penstock.db.balances import balances
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import ContractBroken
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Pull
from penstock.domain.remedy import RemedyKind
from penstock.domain.request import Request
from penstock.domain.secret import Secret
from penstock.domain.update import Balances
from penstock.engine.seal import Seals
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
def test_a_stream_that_fails_stops_no_other(sqlite_database: Database, failure: str) -> None:
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
        async with bench(sqlite_database.url, bank) as it:
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
    sqlite_database: Database, status: int, outcome: Outcome
) -> None:
    """sync.md 21, 22: an ended consent or a long throttle is not tried out on every account."""
    scripts = {name: reading(GET, page(row(name, account=name), cursor=name)) for name in "abc"}
    bank = FakeBank(accounts=[account(name) for name in "abc"], scripts=scripts)

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
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
