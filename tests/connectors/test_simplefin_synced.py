"""SimpleFIN's face, synced into a database: ids that change, and errors inside good answers."""

from datetime import timedelta
from decimal import Decimal

from penstock.db.transactions import transactions
from penstock.domain.clock import utc_now
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.remedy import RemedyKind
from penstock.domain.transaction import Status
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.simplefin import A_DAY
from penstock.sandbox.faults import Fault, FaultKind, Place
from tests.databases import Database
from tests.engine.house import House, house, play


def lately() -> Options:
    """Return a bank whose day is some days ago, so that a few may go by within our windows."""
    return Options(transactions=40, today=utc_now().date() - timedelta(days=4))


async def linked(home: House) -> int:
    """Link and sync SimpleFIN."""
    connection = await home.paste("simplefin")
    assert (await sync(home, connection)).outcome is Outcome.DONE
    return connection


async def sync(home: House, connection: int) -> Ending:
    """Sync, and return how it ended."""
    ending, _ = await home.sync(connection)
    return ending


async def number_of(home: House, external_id: str) -> list[int]:
    """Return the numbers of the rows with an id."""
    query = transactions.select().where(transactions.c.external_id == external_id)
    return [row.id for row in await home.all(query)]


def test_a_pending_row_settles_under_an_unrelated_id(database: Database) -> None:
    """sync.md 10: nothing links them; account, amount and day are certain, and it is one row."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-41.17"), "Garage")
            await sync(home, connection)
            (number,) = await number_of(home, held.external_id)
            world.advance(2)
            posted = world.settle(held.external_id, Decimal("-41.17"))
            assert (await sync(home, connection)).outcome is Outcome.DONE
            assert await number_of(home, posted.external_id) == [number]
            assert held.external_id not in await home.rows()

    play(story())


def test_a_block_of_days_under_new_ids_doubles_nothing(database: Database) -> None:
    """sync.md 11: the bridge tells two weeks once more with new ids; each is the row it was."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection, world = await linked(home), home.bank.world
            since = world.today - timedelta(days=20)
            block = [
                row
                for row in world.live()
                if row.status is Status.POSTED and row.booked_on and row.booked_on >= since
            ]
            assert len(block) > 5
            before = {row.external_id: await number_of(home, row.external_id) for row in block}
            count = len(await home.rows())
            for row in block:
                renamed = world.rekey(row.external_id)
                before[renamed.external_id] = before.pop(row.external_id)
            assert (await sync(home, connection)).outcome is Outcome.DONE
            assert len(await home.rows()) == count
            for name, numbers in before.items():
                assert await number_of(home, name) == numbers

    play(story())


def test_errors_inside_a_good_answer_are_seen(database: Database) -> None:
    """The run is no success and says why; what came is stored, and it is no reason to hurry."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection = await linked(home)
            home.bank.queue(Fault(FaultKind.NOT_READY), place=Place.TRANSACTIONS)
            rows = await home.rows()
            ending = await sync(home, connection)
            assert ending.outcome is Outcome.PARTIAL
            words = "The provider says: Connection to b Mill & Weir /b may need attention"
            assert ending.message == words
            assert ending.remedy is not None
            assert ending.remedy.kind is RemedyKind.ASK_PERSON
            assert await home.rows() == rows, "nothing is taken for missing"
            home.bank.world.post("checking", Decimal("-1.00"), "Tea")
            assert (await sync(home, connection)).outcome is Outcome.DONE
            assert len(await home.rows()) == len(rows) + 1

    play(story())


def test_a_days_requests_are_kept_with_retries_counted_in(database: Database) -> None:
    """sync.md 23: whoever asks more loses the access; the 25th request is not sent."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection = await linked(home)
            asked = home.bank.counters
            outcomes = [Outcome.DONE]
            while outcomes[-1] is Outcome.DONE:
                home.bank.queue(Fault(FaultKind.SERVER_ERROR), place=Place.TRANSACTIONS)
                outcomes.append((await sync(home, connection)).outcome)
            assert outcomes[-1] is Outcome.THROTTLED
            sent = asked["requests:accounts"] + asked["requests:transactions"]
            assert sent == A_DAY
            assert asked["fault:server_error"] > 2

    play(story())


def test_access_that_was_revoked_waits_for_the_person(database: Database) -> None:
    """403: the consent is gone, and is not tried again by itself."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection = await linked(home)
            for grant in home.bank.authority.grants:
                home.bank.authority.end(grant, ConsentState.REVOKED)
            ending = await sync(home, connection)
            assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.REVOKED)

    play(story())
