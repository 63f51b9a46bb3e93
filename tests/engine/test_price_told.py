"""What has no new price is told: to Prometheus, to the operator, in `penstock doctor`."""

from datetime import timedelta

from penstock.cli.doctor.prices import held_checks
from penstock.db import price_states, price_turns, troubles
from penstock.domain.notice import NoticeKind
from penstock.domain.quote import Suspicious100x, SymbolNotFound
from penstock.engine.undo import undo as take_back
from tests.databases import Database
from tests.engine.bench import NOON, Bench
from tests.engine.pricing import Source, pricer, turns
from tests.engine.test_price import OCDO, SAP, tell


def test_metrics_tell_how_fresh_prices_are(database: Database) -> None:
    """What is due, how late it is, how old the oldest price, and why there are none; no names."""

    async def story(it: Bench, source: Source) -> None:
        it.watch.later(minutes=5)
        found = await it.database.read(price_states.read, now=it.watch())
        assert found["prices_due"] == [((), 2.0)]
        assert found["price_lag_seconds"] == [((), 300.0)]
        assert (found["held_price_age_seconds"], found["prices_failing"]) == ([], [])
        source.says = {OCDO: SymbolNotFound()}
        source.as_of = NOON - timedelta(hours=1)
        await pricer(it.database.program, it.watch, source).tick()
        found = await it.database.read(price_states.read, now=it.watch())
        assert found == {
            "prices_due": [((), 0.0)],
            "price_lag_seconds": [((), 0.0)],
            "held_price_age_seconds": [((), 3900.0)],
            "prices_failing": [(("symbol_not_found",), 1.0)],
        }

    tell(database, story, SAP, OCDO)


def test_a_doubted_price_is_told_to_the_operator(database: Database) -> None:
    """A person has to look: until it is accepted, or the source is right again."""

    async def story(it: Bench, source: Source) -> None:
        source.says = {OCDO: Suspicious100x(), SAP: SymbolNotFound()}
        worker = pricer(it.database.program, it.watch, source)
        await worker.tick()
        view = troubles.View(it.watch(), timedelta(hours=6))
        found = await it.database.program.read(troubles.find, view)
        (doubt,) = [one for one in found if one.topic.kind is NoticeKind.PRICE]
        assert (doubt.topic.subject, doubt.connection_id) == (OCDO, it.connection_id)
        assert "not believed" in doubt.title
        source.says = {}
        await worker.refresh(it.owner_id)
        found = await it.database.program.read(troubles.find, view)
        assert [one for one in found if one.topic.kind is NoticeKind.PRICE] == []

    tell(database, story, SAP, OCDO)


def test_doctor_names_what_has_no_price(database: Database) -> None:
    """The instrument, the reason, the last price, and when it is asked for again."""

    async def story(it: Bench, source: Source) -> None:
        source.says = {OCDO: SymbolNotFound()}
        await pricer(it.database.program, it.watch, source).tick()
        (found,) = held_checks(it.database)
        assert found.found == (
            "OCDO:XLON: symbol not found; none yet; it is asked for again at 2026-11-21 12:00 UTC"
        )
        assert "penstock quote OCDO:XLON" in found.remedy

    tell(database, story, SAP, OCDO)


def test_a_sync_that_is_undone_takes_its_turns_along(database: Database) -> None:
    """What only it had brought is held by nobody then, and asked for no more."""

    async def story(it: Bench, source: Source) -> None:
        (run,) = await it.all(price_turns.price_turns.select().limit(1))
        assert run.instrument == SAP
        _, again = await it.sync()
        first = again.id - 1
        await it.database.program.write(
            take_back, first, owner_id=it.owner_id, now=it.watch(), dry=False
        )
        assert await pricer(it.database.program, it.watch, source).tick() == 0
        assert (await turns(it), source.names) == ({}, [])

    tell(database, story, SAP)
