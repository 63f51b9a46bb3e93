"""What was held when: each stated state is kept, once, and the days never go back."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from penstock.db import holding_versions
from penstock.db.holding_versions import Version
from penstock.db.holdings import holdings
from penstock.engine.forget import _delete as delete_history
from penstock.engine.undo import undo
from tests.databases import Database
from tests.engine.bench import NOON, Bench, bench
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.house import play
from tests.engine.positions import held, snapshot

TODAY = NOON.date()


async def kept(it: Bench, first: date = TODAY, last: date = date.max) -> list[Version]:
    """Return the owner's versions between two days, and those that held before."""
    given: dict[str, Any] = {"owner_id": it.owner_id, "first": first, "last": last}
    return await it.database.read(holding_versions.versions, **given)


async def held_on(it: Bench, day: date) -> list[Decimal]:
    """Return how much was held of each position at the end of a day."""
    found = await it.database.read(holding_versions.as_of, owner_id=it.owner_id, day=day)
    return [one.quantity for one in found]


def told(it: Bench, quantity: str, **more: Any) -> Any:
    """Make a reading of one position, as of now unless told otherwise."""
    return reading(snapshot(held("x", quantity, **({"as_of": it.watch()} | more))))


def test_each_stated_state_is_kept_once(database: Database) -> None:
    """A version is added when what is stated changes, not when it is said again or renamed."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for quantity, name in (("1", "X"), ("1", "X"), ("2", "X"), ("2", "Y"), ("1", "Y")):
                bank.scripts = {"a": told(it, quantity, name=name)}
                await it.sync()
                it.watch.later(days=1)
            bank.scripts = {"a": reading(snapshot())}
            await it.sync()
            found = await kept(it)
            assert [(v.quantity, (v.day - TODAY).days, v.ended) for v in found] == [
                (Decimal(1), 0, False),
                (Decimal(2), 2, False),
                (Decimal(1), 4, False),
                (Decimal(1), 5, True),
            ]
            days = [TODAY + timedelta(days=n) for n in range(-1, 7)]
            on = [await held_on(it, day) for day in days]
            assert on == [[], [1], [1], [2], [2], [1], [], []]
            assert [v.quantity for v in await kept(it, days[4])] == [2, 1, 1]
            assert await kept(it, days[7]) == []

    play(story())


def test_days_never_go_back_nor_lie_ahead(database: Database) -> None:
    """Whatever as-of an institution states, today's version is the one that it stated last."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for quantity, days in (("1", 0), ("2", -400), ("3", 90_000), ("4", -1)):
                stated = it.watch() + timedelta(days=days)
                bank.scripts = {"a": told(it, quantity, as_of=stated)}
                await it.sync()
                it.watch.later(days=1)
            found = await kept(it)
            states = [(str(v.quantity), (v.day - TODAY).days) for v in found]
            assert states == [("1", 0), ("2", 0), ("3", 2), ("4", 2)]
            assert await held_on(it, TODAY) == [2]
            assert await held_on(it, TODAY + timedelta(days=2)) == [4]

    play(story())


def test_undone_it_was_never_held(database: Database) -> None:
    """sync.md 31: undo takes a run's versions back; what it found again has its history."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            bank.scripts = {"a": told(it, "1")}
            await it.sync()
            it.watch.later(days=1)
            bank.scripts = {"a": reading(snapshot(held("y", "7")))}
            _, run = await it.sync()
            assert await held_on(it, TODAY + timedelta(days=1)) == [7]
            await it.database.write(undo, run.id, owner_id=it.owner_id, now=it.watch(), dry=False)
            assert await held_on(it, TODAY + timedelta(days=1)) == [1]
            states = [(str(v.quantity), v.ended) for v in await kept(it)]
            assert states == [("1", False)]

    play(story())


def test_a_history_that_is_deleted_leaves_no_version(database: Database) -> None:
    """A connection that is disconnected with its history takes all versions along."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            bank.scripts = {"a": told(it, "1")}
            await it.sync()
            await it.database.write(delete_history, it.connection_id, it.owner_id)
            assert await it.all(holding_versions.holding_versions.select()) == []
            assert await it.all(holdings.select()) == []

    play(story())
