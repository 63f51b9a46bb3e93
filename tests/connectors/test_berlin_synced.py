"""Both faces of European banks, synced into a database: weak ids, and four readings a day."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.transactions import transactions
from penstock.domain.clock import utc_now
from penstock.domain.consent import ConsentState
from penstock.domain.naming import OURS
from penstock.domain.outcome import Ending, Outcome
from penstock.sandbox.bank import Options
from penstock.sandbox.scenario import Scenario
from tests.connectors.linking import CHOICES
from tests.databases import Database
from tests.engine.house import CALLBACK, House, house, play

NAMES = ["berlingroup", "enablebanking"]
Said = tuple[str, str, str, str]


def lately(**options: object) -> Options:
    """Return a bank whose day is some days ago, so that a few may go by within our windows."""
    today = utc_now().date() - timedelta(days=4)
    return Options(transactions=40, today=today, **options)  # type: ignore[arg-type]  # its own names


async def linked(
    home: House, name: str, scenario: Scenario = Scenario.CALM, renew: int | None = None
) -> int:
    """Link through one of the faces; return the connection."""
    begun = await home.penstock.linker.begin(
        home.owner_id,
        name,
        redirect_uri=CALLBACK,
        connection_id=renew,
        parameters={} if renew or name == "berlingroup" else CHOICES,
    )
    back = await home.consent(begun.url, scenario)
    query = [tuple(pair.split("=", 1)) for pair in back.partition("?")[2].split("&")]
    return await home.penstock.linker.finish(name, query, owner_id=home.owner_id)  # type: ignore[arg-type]  # pairs


async def sync(home: House, connection: int) -> Ending:
    """Sync, and return how it ended."""
    ending, _ = await home.sync(connection)
    return ending


async def told(home: House) -> Counter[Said]:
    """Return what the standing rows say: currency, status, amount and words."""
    t = transactions.c
    query = sa.select(t.currency, t.status, t.amount, t.description).where(t.removed_at.is_(None))
    return Counter((a, b, str(c), d) for a, b, c, d in await home.all(query))


async def truth(home: House, scenario: Scenario) -> Counter[Said]:
    """Return what the bank says of the accounts that we know."""
    masks = {one.mask for one in await home.all(accounts.select())}
    whole = home.bank.desk("ada", scenario).world
    known = {each.external_id for each in whole.accounts if each.mask in masks}
    return Counter(
        (row.currency, row.status.value, str(row.amount), row.description)
        for row in whole.live()
        if row.account in known
    )


@pytest.mark.parametrize("name", NAMES)
def test_ids_that_are_missing_blank_zero_or_shared(database: Database, name: str) -> None:
    """sync.md 13: each row stands once, through three syncs of a moving world, and no more."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            scenario = Scenario.NO_IDS
            connection = await linked(home, name, scenario)
            world = home.bank.desk("ada", scenario).world
            for amount in ("-2.80", "-2.80", "-4.00"):
                assert (await sync(home, connection)).outcome is Outcome.DONE
                assert await told(home) == await truth(home, scenario)
                world.post("checking", Decimal(amount), "Bus")
                world.post("savings", Decimal("1.00"), "Interest")
            ending, run = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert run.tally.inserted == 2
            assert await told(home) == await truth(home, scenario)
            ids = [row.external_id for row in await home.all(transactions.select())]
            assert any(one.startswith(OURS) for one in ids)
            assert {"", " ", "0"}.isdisjoint(ids)

    play(story())


@pytest.mark.parametrize("name", NAMES)
def test_an_id_that_changes_when_a_row_is_booked(database: Database, name: str) -> None:
    """sync.md 10: account, amount and day are certain; it is one row, with the person's note."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection, world = await linked(home, name), home.bank.world
            held = world.hold("checking", Decimal("-41.17"), "Garage")
            await sync(home, connection)
            note = transactions.update().where(transactions.c.description == "Garage")
            await home.penstock.database.write(lambda one: one.execute(note.values(note="mine")))
            world.advance(6)
            posted = world.settle(held.external_id, Decimal("-41.17"))
            assert (await sync(home, connection)).outcome is Outcome.DONE
            of_garage = transactions.select().where(transactions.c.description == "Garage")
            (row,) = await home.all(of_garage)
            assert (row.external_id, row.status, row.note) == (posted.external_id, "posted", "mine")

    play(story())


@pytest.mark.parametrize("name", NAMES)
def test_a_pending_row_is_gone_when_it_is_no_longer_told(database: Database, name: str) -> None:
    """sync.md 14: no bank says that it was taken back; absence does, and a posted row stays."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection, world = await linked(home, name), home.bank.world
            held = world.hold("checking", Decimal("-60.00"), "A room for a night")
            await sync(home, connection)
            before = await told(home)
            world.remove(held.external_id)
            await sync(home, connection)
            assert before - await told(home) == Counter(
                {("EUR", "pending", "-60.00", "A room for a night"): 1}
            )

    play(story())


@pytest.mark.parametrize("name", NAMES)
def test_a_renewal_is_in_place(database: Database, name: str) -> None:
    """sync.md 26: another consent, other ids of accounts at one of them; nothing is doubled."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection = await linked(home, name)
            await sync(home, connection)
            rows, known = await told(home), await home.all(accounts.select())
            assert await linked(home, name, renew=connection) == connection
            assert (await sync(home, connection)).outcome is Outcome.DONE
            assert await told(home) == rows
            assert [one.id for one in await home.all(accounts.select())] == [o.id for o in known]

    play(story())


@pytest.mark.parametrize("name", NAMES)
def test_the_fifth_reading_of_a_day_is_not_sent(database: Database, name: str) -> None:
    """sync.md 23: pages and retries cost no reading more; the bank never has to refuse."""

    async def story() -> None:
        async with house(database.url, lately(page_size=3)) as home:
            connection = await linked(home, name)
            outcomes = [(await sync(home, connection)).outcome for _ in range(5)]
            assert outcomes == [Outcome.DONE] * 4 + [Outcome.THROTTLED]
            assert home.bank.counters["refused:access_exceeded"] == 0

    play(story())


@pytest.mark.parametrize("name", NAMES)
def test_a_consent_that_was_taken_back_waits_for_the_person(database: Database, name: str) -> None:
    """sync.md 26: and a disconnect ends it at the bank."""

    async def story() -> None:
        async with house(database.url, lately()) as home:
            connection = await linked(home, name)
            await sync(home, connection)
            (grant,) = home.bank.authority.grants
            grant.state = ConsentState.EXPIRED
            ending = await sync(home, connection)
            assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.EXPIRED)

    play(story())
