"""A model of what must be stored, against the real thing, in stories that chance writes.

sync.md 7, 9, 10, 12, 18, 27, 31: pairing, removal, revival, a person's edits, undo and replay.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from penstock.db.accounts import accounts
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.engine import edit
from penstock.engine.undo import undo
from penstock.sandbox.bank import Options
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.databases import Databases
from tests.engine.house import House, house
from tests.torture.model import Model, Said, Thing, Told, seen

picks = st.integers(0, 10_000)
amounts = st.decimals(Decimal(-500), Decimal(500), places=2).filter(bool)
account_names = st.sampled_from(["checking", "card"])
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Story(RuleBasedStateMachine):
    """A bank, an installation, a person, and the model."""

    databases: Databases

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        self.database = self.databases.fresh()
        self.model = Model()
        self.words = 0
        self.home: House
        self.connection = 0

    @initialize(rows=st.integers(0, 6), page_size=st.integers(1, 5))
    def begin(self, rows: int, page_size: int) -> None:
        """Link a bank that has a few rows already."""
        options = Options(transactions=rows, page_size=page_size)
        url = self.database.__enter__().url
        self.home = self.do(self.open.enter_async_context(house(url, options)))
        self.connection = self.do(self.home.link())
        for row in self.world.truth().transactions:
            self.model.appear(row)

    @rule(account=account_names, amount=amounts, pending=st.booleans())
    def appear(self, account: str, amount: Decimal, pending: bool) -> None:
        """A purchase is booked, or held."""
        make = self.world.hold if pending else self.world.post
        self.model.appear(make(account, amount, self.new_words()))

    @rule(pick=picks, amount=st.none() | amounts)
    def settle(self, pick: int, amount: Decimal | None) -> None:
        """What was held is booked, under another id, perhaps with another amount."""
        for thing in self.one_of(
            lambda one: one.now.status == "pending" and not one.now.gone, pick
        ):
            thing.now = seen(self.world.settle(thing.now.external_id, amount))

    @rule(pick=picks)
    def remove(self, pick: int) -> None:
        """The bank takes a row back."""
        for thing in self.one_of(lambda one: not one.now.gone, pick):
            self.world.remove(thing.now.external_id)
            thing.now, thing.missed = thing.now._replace(gone=True), False

    @rule(pick=picks)
    def revive(self, pick: int) -> None:
        """What was taken back returns."""
        for thing in self.one_of(lambda one: one.now.gone, pick):
            thing.now = seen(self.world.revive(thing.now.external_id))

    @rule(pick=picks, amount=st.none() | amounts)
    def amend(self, pick: int, amount: Decimal | None) -> None:
        """A row gets other words, perhaps another amount."""
        for thing in self.one_of(lambda one: not one.now.gone, pick):
            name = thing.now.external_id
            thing.now = seen(self.world.amend(name, description=self.new_words(), amount=amount))

    @rule(pick=picks, hidden=st.booleans())
    def write(self, pick: int, hidden: bool) -> None:
        """The person writes a note and a category, and hides or shows the row."""
        for thing in self.one_of(lambda one: one.told is not None, pick):
            words = self.new_words()
            given = edit.TransactionEdit(note=words, category=words, hidden=hidden)
            self.by_person(edit.edit_transaction, thing, given)
            self.model.say(thing, note=words, category=words, hidden=hidden)

    @rule(pick=picks, deleted=st.booleans())
    def delete_or_restore(self, pick: int, deleted: bool) -> None:
        """The person deletes a row, or takes that back."""
        act = edit.delete_transaction if deleted else edit.restore_transaction
        for thing in self.one_of(lambda one: one.told is not None, pick):
            self.by_person(act, thing)
            self.model.say(thing, deleted=deleted)

    @rule(from_start=st.booleans())
    def sync(self, from_start: bool) -> None:
        """We hear everything; what we knew is not written again."""
        ending, run = self.do(self.home.sync(self.connection, from_start=from_start))
        assert ending.outcome is Outcome.DONE, ending
        wrote = self.model.sync(run.id)
        tally = run.tally
        assert tally.inserted + tally.changed + tally.removed + tally.paired == wrote, tally
        self.learn_rows()

    @precondition(lambda self: self.model.may_be_undone)
    @rule()
    def undo_latest(self) -> None:
        """The latest run that wrote is taken back."""
        assert self.model.undoable is not None
        run_id = self.model.undoable.run_id
        owner_id, database = self.home.owner_id, self.home.penstock.database
        done = self.do(database.write(undo, run_id, owner_id=owner_id, now=NOW, dry=False))
        assert (done.restored, done.deleted, len(done.kept)) == self.model.undo()

    @rule()
    def replay(self) -> None:
        """The same mapping, over what the bank once said, changes nothing."""
        replayer = self.home.penstock.replayer
        done = self.do(replayer.replay(self.connection, owner_id=self.home.owner_id, dry=False))
        assert (done.changed, done.unmapped) == (0, 0), done

    @invariant()
    def what_is_stored_is_what_must_be(self) -> None:
        """One row for each thing that we heard of, the same one for ever, and no other."""
        stored = self.stored()
        wanted = {
            thing.row_id: thing.must_be_stored
            for thing in self.model.things
            if thing.told is not None
        }
        assert stored == wanted

    def teardown(self) -> None:
        """Close everything."""
        self.do(self.open.aclose())
        self.runner.close()
        self.database.__exit__(None, None, None)

    @property
    def world(self) -> World:
        """The bank's world."""
        return self.home.bank.desk("ada", Scenario.CALM).world

    def do(self, work: Any) -> Any:
        """Run a coroutine to its end."""
        return self.runner.run(asyncio.wait_for(work, 120))

    def new_words(self) -> str:
        """Return words that nobody has used."""
        self.words += 1
        return f"Words {self.words}"

    def one_of(self, wanted: Any, pick: int) -> list[Thing]:
        """Return one thing that is wanted, or none."""
        found = [thing for thing in self.model.things if wanted(thing)]
        return found[pick % len(found) :][:1] if found else []

    def by_person(self, act: Any, thing: Thing, *more: Any) -> None:
        """Let the person do something to a row."""
        owner_id = self.home.owner_id
        write = self.home.penstock.database.write
        self.do(write(act, thing.row_id, *more, owner_id=owner_id, now=NOW))

    def learn_rows(self) -> None:
        """Note under which number each thing is stored for the first time."""
        by_id = {told.external_id: number for number, (told, _) in self.stored().items()}
        for thing in self.model.things:
            if thing.told is not None and thing.row_id is None:
                assert thing.told.external_id in by_id, f"{thing.told} is not stored"
                thing.row_id = by_id[thing.told.external_id]

    def stored(self) -> dict[int, tuple[Told, Said]]:
        """Return every row, by its number."""
        t = transactions.c
        query = sa.select(
            *(t.id, accounts.c.external_id, t.external_id, t.status, t.dated_on),
            *(t.amount, t.description, t.removed_at),
            *(t.note, t.person_category, t.hidden, t.deleted_at),
        ).join_from(transactions, accounts, accounts.c.id == t.account_id)
        return {
            row[0]: (
                Told(
                    row[1], row[2], row[3], row[4], f"{row[5]:f}", row[6], gone=row[7] is not None
                ),
                Said(row[8], row[9], row[10], row[11] is not None),
            )
            for row in self.do(self.home.all(query))
        }


def play(databases: Databases, examples: int, steps: int) -> None:
    """Let chance write so many stories of so many steps."""
    machine = type("StoryHere", (Story,), {"databases": databases})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_model_holds(databases: Databases) -> None:
    """sync.md 7, 9, 10, 12, 18, 27, 31: what is stored is what the model says, at each step."""
    play(databases, 3, 20)


@pytest.mark.long
def test_the_model_holds_for_long(databases: Databases) -> None:
    """sync.md 7, 9, 10, 12, 18, 27, 31: the same, in many long stories."""
    play(databases, 25, 50)
