"""What is held is of securities, whoever tells of it: worked out with each sync, all at once."""

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import securities, security_ids
from penstock.db.holdings import holdings
from penstock.db.security_ids import security_ids as tellings
from penstock.domain.errors import Conflict
from penstock.domain.security_event import EventKind, EventState
from penstock.engine import securities as linking
from penstock.engine import security_acts as acts
from penstock.engine.forget import _delete as delete_history
from penstock.engine.undo import undo
from tests.databases import Database
from tests.domain.tellings import APPLE, APPLE_CUSIP, SAP
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.house import play
from tests.engine.positions import held, snapshot
from tests.engine.securing import events, kept_together, known, person


def telling(bank: FakeBank, *rows: Any) -> None:
    """Let the bank tell these positions of account a."""
    bank.scripts = {"a": reading(snapshot(*rows))}


def test_two_words_for_one_thing_make_one_security(database: Database) -> None:
    """A position by ISIN and one by CUSIP, of two connections, are of one security.

    What it is called is known from both; a sync that tells the same again writes nothing.
    """
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(
                bank, held("x", symbol="AAPL", mic="XNAS", isin=APPLE), held("y", symbol="AAPL")
            )
            await it.sync()
            other = await it.connect()
            telling(bank, held("z", symbol=None, cusip=APPLE_CUSIP))
            run = await it.syncer.start(other, trigger="test")
            assert run is not None
            await run.finish()
            assert await kept_together(it) == [["x", "z"], ["y"]]
            one = (await known(it))[0]
            assert (one.instrument, one.isin, one.cusip) == ("AAPL:XNAS", APPLE, APPLE_CUSIP)
            assert (await known(it))[1].instrument is None
            before = await it.all(tellings.select()), await known(it)
            run = await it.syncer.start(other, trigger="test")
            assert run is not None
            await run.finish()
            assert (await it.all(tellings.select()), await known(it)) == before

    play(story())


def test_later_evidence_merges_two_and_leaves_a_record(database: Database) -> None:
    """The older row goes on; the other says into which it went, and an event says so too."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(bank, held("x", isin=SAP), held("y", symbol="SAP", mic="XETR"))
            await it.sync()
            first, second = await known(it)
            telling(
                bank,
                held("x", isin=SAP, symbol="SAP", mic="XETR"),
                held("y", symbol="SAP", mic="XETR"),
            )
            it.watch.later(days=1)
            await it.sync()
            (one,) = await known(it)
            assert (one.id, one.instrument) == (first.id, "SAP:XETR")
            gone = await it.database.read(securities.get, second.id, owner_id=it.owner_id)
            assert (gone.merged_into_id, gone.merged_at) == (first.id, it.watch())
            (record,) = await events(it)
            assert (record.kind, record.security_id, record.other_id, record.source) == (
                EventKind.MERGE,
                first.id,
                second.id,
                linking.SYNC,
            )

    play(story())


def test_undone_it_was_never_told(database: Database) -> None:
    """sync.md 31: what a run told of names goes with it, and securities are what they were."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(bank, held("x", isin=SAP), held("y", symbol="SAP", mic="XETR"))
            await it.sync()
            before = [(one.isin, one.ticker) for one in await known(it)]
            telling(bank, held("x", isin=SAP, symbol="SAP", mic="XETR"), held("z"))
            _, run = await it.sync()
            assert [one.ticker for one in await known(it)] == ["SAP", "Z"]
            await it.database.write(undo, run.id, owner_id=it.owner_id, now=it.watch(), dry=False)
            assert await kept_together(it) == [["x"], ["y"]]
            assert sorted(map(str, before)) == sorted(
                str((one.isin, one.ticker)) for one in await known(it)
            )
            left = await it.database.read(security_ids.of_owner, owner_id=it.owner_id)
            assert {one.run_id for one in left} == {1}
            assert all(one.telling.until is None for one in left)

    play(story())


def test_a_deleted_history_takes_its_securities_along(database: Database) -> None:
    """What another connection holds too stays, by the names that it tells; the rest is gone."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(bank, held("x", isin=APPLE, symbol="AAPL", mic="XNAS"), held("y"))
            await it.sync()
            other = await it.connect()
            telling(bank, held("z", isin=APPLE, symbol=None))
            run = await it.syncer.start(other, trigger="test")
            assert run is not None
            await run.finish()

            def delete(connection: sa.Connection) -> None:
                delete_history(connection, it.connection_id, it.owner_id)
                linking.work_out(connection, linking.Book(it.owner_id, it.watch()))

            await it.database.write(delete)
            (one,) = await known(it)
            assert (one.isin, one.ticker, one.instrument) == (APPLE, None, APPLE)
            assert await kept_together(it) == [["z"]]

    play(story())


def test_a_new_ticker_is_noted_and_an_isin_that_changes_only_suggested(database: Database) -> None:
    """By one ISIN a new ticker is a change of names; another ISIN may be another thing."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(bank, held("x", isin=APPLE, symbol="OLD", mic="XNAS"))
            await it.sync()
            it.watch.later(days=1)
            telling(bank, held("x", isin=APPLE, symbol="NEW", mic="XNAS"))
            await it.sync()
            (one,) = await known(it)
            assert one.instrument == "NEW:XNAS"
            (told,) = await events(it)
            assert (told.state, told.old_ticker, told.new_ticker) == (
                EventState.ACCEPTED,
                "OLD",
                "NEW",
            )
            it.watch.later(days=1)
            telling(bank, held("x", isin=SAP, symbol="NEW", mic="XNAS"))
            await it.sync()
            suggested = (await events(it))[-1]
            assert (suggested.state, suggested.old_isin, suggested.new_isin) == (
                EventState.OPEN,
                APPLE,
                SAP,
            )
            assert [one.isin for one in await known(it)] == [APPLE, SAP]

    play(story())


def test_a_split_is_suggested_once_and_changes_no_number(database: Database) -> None:
    """Four times as many at a quarter, in two accounts: one suggestion; what is stored is raw."""
    bank = FakeBank()
    cost: dict[str, Any] = {"cost_basis": Decimal(900), "isin": APPLE}

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(
                bank,
                held("x", "10", price=Decimal(500), **cost),
                held("y", "3", price=Decimal(500), **cost),
            )
            await it.sync()
            it.watch.later(days=1)
            telling(
                bank,
                held("x", "40", price=Decimal(126), **cost),
                held("y", "12", price=Decimal(126), **cost),
            )
            await it.sync()
            (one,) = await events(it)
            assert (one.kind, one.state, str(one.ratio)) == (
                EventKind.SPLIT,
                EventState.OPEN,
                "4:1",
            )
            rows = await it.all(holdings.select().order_by(holdings.c.id))
            assert [(row.quantity, row.price) for row in rows] == [(40, 126), (12, 126)]

    play(story())


def test_a_person_merges_and_parts_for_good(database: Database) -> None:
    """What a person joined or parted, no later sync changes; what contradicts cannot be joined."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            telling(
                bank,
                held("x", symbol="A"),
                held("y", symbol="B"),
                held("z", isin=SAP),
                held("w", isin=APPLE),
            )
            await it.sync()
            x, y, z, w = await known(it)
            await it.database.write(acts.merge, person(it), x.id, y.id)
            assert await kept_together(it) == [["w"], ["x", "y"], ["z"]]
            with pytest.raises(Conflict):
                await it.database.write(acts.merge, person(it), z.id, w.id)
            again = await it.database.write(acts.part, person(it), x.id, [await number(it, "y")])
            assert again.id != x.id
            it.watch.later(days=1)
            telling(
                bank,
                held("x", symbol="A", isin=SAP),
                held("y", symbol="B", isin=SAP),
                held("z", isin=SAP),
                held("w", isin=APPLE),
            )
            await it.sync()
            together = await kept_together(it)
            assert ["w"] in together
            assert not any({"x", "y"} <= {*some} for some in together), together

    play(story())


async def number(it: Bench, external_id: str) -> int:
    """Return the number of a position."""
    query = sa.select(holdings.c.id).where(holdings.c.external_id == external_id)
    return int((await it.all(query))[0].id)
