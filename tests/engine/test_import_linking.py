"""A row that a bank and a file tell is one row, whichever comes first (sync.md 11)."""

from datetime import date, timedelta
from decimal import Decimal

from penstock.db.accounts import accounts
from penstock.db.suggestions import Kind, State
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.engine import decide
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House
from tests.engine.importing import asked, counts, import_file, standing
from tests.engine.linking import at_home
from tests.engine.test_undone import undone
from tests.files.samples import Row, ofx

EVERYDAY = 0


async def everyday(home: House, connection_id: int) -> tuple[int, str]:
    """Return the number and the bank's id of the first account."""
    a = accounts.c
    query = accounts.select().where(a.connection_id == connection_id).order_by(a.id)
    row = (await home.all(query))[EVERYDAY]
    return row.id, row.external_id


def told_by_bank(home: House, account: str, words: str = "") -> list[Row]:
    """Return the posted rows of the sandbox's account as its own file would tell them."""
    truth = home.bank.desk("ada", Scenario.CALM).world.truth()
    rows = [one for one in truth.transactions if one.account == account]
    return [
        (f"F{one.external_id}", one.booked_on, str(one.amount), words or one.description)
        for one in rows
        if one.booked_on is not None and one.status.value == "posted"
    ]


def test_a_file_over_a_synced_account_doubles_nothing(database: Database) -> None:
    """All rows are linked, one for one; what the bank and the person said stays; undo unlinks."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        account, name = await everyday(home, number)
        note = transactions.update().values(note="mine", person_category="own")
        await home.penstock.database.write(lambda one: one.execute(note))
        before = await home.rows()
        told = told_by_bank(home, name, "OTHER WORDS")
        content = ofx(told)
        would = await import_file(home, content, account=account, dry=True)
        done = await import_file(home, content, account=account)
        assert counts(would) == counts(done) == (0, 0, len(told))
        assert await home.rows() == before == home.truth()
        assert counts(await import_file(home, content)) == (0, len(told), 0)
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.inserted, run.tally.changed) == (Outcome.DONE, 0, 0)
        assert {row.note for row in await home.all(transactions.select())} == {"mine"}
        assert await home.tie_out() == {"ok"}
        assert await undone(home, done.imports[0].run_id or 0) == []
        assert counts(await import_file(home, content)) == (0, 0, len(told))

    at_home(database, story)


def test_a_bank_that_is_linked_after_its_files_doubles_nothing(database: Database) -> None:
    """Files first: the bank's rows take over theirs; what the person wrote stays on them."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        account, name = await everyday(home, number)
        told = told_by_bank(home, name, "OTHER WORDS")
        # All that the bank told is forgotten: only the file has told the account's rows.
        mine = transactions.delete().where(transactions.c.account_id == account)
        await home.penstock.database.write(lambda one: one.execute(mine))
        done = await import_file(home, ofx(told), account=account)
        assert counts(done) == (len(told), 0, 0)
        note = transactions.update().where(transactions.c.account_id == account)
        await home.penstock.database.write(lambda one: one.execute(note.values(note="mine")))
        ending, run = await home.sync(number, from_start=True)
        assert (ending.outcome, run.tally.linked) == (Outcome.DONE, len(told))
        assert await home.rows() == home.truth()
        c = transactions.c
        rows = await home.all(transactions.select().where(c.account_id == account))
        assert sum(row.note == "mine" for row in rows) == len(told)
        assert counts(await import_file(home, ofx(told))) == (0, len(told), 0)

    at_home(database, story)


def test_a_bank_that_is_linked_later_takes_its_account_over(database: Database) -> None:
    """A file named the IBAN that the bank now tells: one account, and each row once."""

    async def story(home: House) -> None:
        plan = home.bank.desk("ada", Scenario.CALM).world.account("checking")
        told = told_by_bank(home, plan.external_id, "OTHER WORDS")
        iban = plan.identity
        assert iban is not None
        await import_file(home, ofx(told, account=iban))
        note = transactions.update().values(note="mine")
        await home.penstock.database.write(lambda one: one.execute(note))
        number = await home.link()
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.linked) == (Outcome.DONE, len(told))
        assert await home.rows() == home.truth()
        rows = await home.all(accounts.select())
        assert {row.connection_id for row in rows} == {number}
        assert sum(row.note == "mine" for row in await home.all(transactions.select())) == len(told)
        assert counts(await import_file(home, ofx(told, account=iban))) == (0, len(told), 0)

    at_home(database, story)


def test_what_only_a_file_tells_is_not_taken_away_by_the_bank(database: Database) -> None:
    """A row of before the bank's history stays, also where the bank tells all that it has."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        account, name = await everyday(home, number)
        told = told_by_bank(home, name)
        old = ("OLD", min(row[1] for row in told) + timedelta(days=1), "-77.77", "ONLY HERE")
        assert counts(await import_file(home, ofx([old]), account=account)) == (1, 0, 0)
        for from_start in (False, True):
            await home.sync(number, from_start=from_start)
            assert ("-77.77", "ONLY HERE") in [row[1:] for row in await standing(home)]

    at_home(database, story)


def test_a_row_of_another_day_is_asked_about(database: Database) -> None:
    """Same amount, two days apart: only the person decides; accepted, it is the bank's row."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        account, name = await everyday(home, number)
        told = told_by_bank(home, name)
        amounts = [row[2] for row in told]
        first = min(row[1] for row in told)  # of its day all is told, and the row is not there
        chosen = next(row for row in told if amounts.count(row[2]) == 1 and row[1] > first)
        moved: Row = (chosen[0], chosen[1] + timedelta(days=2), chosen[2], "FILE WORDS")
        others = [row for row in told if row is not chosen]
        done = await import_file(home, ofx([*others, moved]), account=account)
        assert counts(done) == (1, 0, len(others))
        assert done.imports[0].suggested == 1
        [one] = await asked(home)
        assert one.kind is Kind.TWICE
        await home.penstock.database.write(
            decide.accept, one.id, owner_id=home.owner_id, now=home.penstock.clock()
        )
        assert await home.rows() == home.truth()
        assert counts(await import_file(home, ofx([*others, moved]))) == (0, len(told), 0)
        await home.sync(number)
        assert await home.rows() == home.truth()

    at_home(database, story)


def test_a_bank_that_is_linked_later_and_dates_otherwise_is_asked_about(
    database: Database,
) -> None:
    """sync.md 11: nothing is doubled in silence; what the bank tells itself by then is two rows."""

    async def story(home: House) -> None:
        world = home.bank.desk("ada", Scenario.CALM).world
        plan = world.account("checking")
        told = told_by_bank(home, plan.external_id)
        amounts = [row[2] for row in told]
        chosen = next(row for row in told if amounts.count(row[2]) == 1)
        late: Row = (chosen[0], chosen[1] + timedelta(days=1), chosen[2], "FILE WORDS")
        await import_file(home, ofx([late], account=plan.identity or ""))
        number = await home.link()
        await home.sync(number)
        [one] = await asked(home)
        assert one.kind is Kind.TWICE
        # The bank's own word that the file's row is a row of its own comes before the answer.
        bank_id = transactions.update().where(transactions.c.description == "FILE WORDS")
        await home.penstock.database.write(lambda it: it.execute(bank_id.values(external_id="z")))
        decided = await home.penstock.database.write(
            decide.accept, one.id, owner_id=home.owner_id, now=home.penstock.clock()
        )
        assert decided.state is State.GONE
        assert len(await home.rows()) == len(home.truth()) + 1

    at_home(database, story)


def test_two_rows_that_one_file_shows_are_two(database: Database) -> None:
    """sync.md 11: the bank has told one of two equal payments so far: the other is inserted."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        account, name = await everyday(home, number)
        told = told_by_bank(home, name)
        row = told[0]
        twins = [("A", *row[1:]), ("B", *row[1:])]
        done = await import_file(home, ofx(twins), account=account)
        assert counts(done) == (1, 0, 1)
        assert counts(await import_file(home, ofx(twins))) == (0, 2, 0)
        # Beside what is known under its id already, another equal row is one more.
        third = [*twins, ("C", *row[1:])]
        assert counts(await import_file(home, ofx(third), account=account)) == (1, 2, 0)

    at_home(database, story)


def test_a_pending_row_that_a_file_told_as_posted_is_asked_about(database: Database) -> None:
    """The bank posts what a file has posted before: both stand until the person says."""

    async def story(home: House) -> None:
        number = await home.link()
        world = home.bank.desk("ada", Scenario.CALM).world
        held = world.hold("checking", Decimal("-61.07"), "Garage")
        await home.sync(number)
        account, name = await everyday(home, number)
        assert held.account == name
        posted = world.settle(held.external_id, held.amount)
        assert posted.booked_on is not None
        row: Row = ("X", posted.booked_on, str(posted.amount), "FILE WORDS")
        assert counts(await import_file(home, ofx([row]), account=account)) == (1, 0, 0)
        await home.sync(number)
        [one] = await asked(home)
        await home.penstock.database.write(
            decide.accept, one.id, owner_id=home.owner_id, now=home.penstock.clock()
        )
        assert await home.rows() == home.truth()

    at_home(database, story)


def test_a_row_of_the_first_day_there_is_breaks_nothing(database: Database) -> None:
    """A slip of a year is a row like any other: it can be undone."""

    async def story(home: House) -> None:
        await import_file(home, ofx())
        for day in (date.min, date.max):
            slip: Row = (f"S{day}", day, "-1.00", "SLIP")
            content = ofx([slip]).replace(b">10101", b">00010101")
            assert counts(await import_file(home, content)) == (1, 0, 0)

    at_home(database, story)
