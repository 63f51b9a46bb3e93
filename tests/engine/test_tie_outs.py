"""After each sync every account is added up against the bank's own balance (sync.md 30)."""

import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.tie_outs import tie_outs
from penstock.db.transactions import transactions
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.ids import public_id
from penstock.domain.money import canonical
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Balances, Page
from tests.databases import Database
from tests.db.merging import DAY, row
from tests.engine.bench import NOON, Bench, bench
from tests.engine.fake_bank import FakeBank, account, reading
from tests.engine.house import play


def stated(
    amount: str, *, day: int = 0, kind: BalanceKind = BalanceKind.CURRENT, of: str = "a"
) -> BalanceSeen:
    """Make a balance of so many days after DAY."""
    as_of = datetime.combine(DAY, NOON.timetz()) + timedelta(day)
    return BalanceSeen(of, kind, canonical(Decimal(amount), "EUR"), "EUR", as_of, as_of.date())


def opening(amount: str, *, of: str = "a") -> BalanceSeen:
    """Make what stood there before DAY."""
    return stated(amount, kind=BalanceKind.OPENING, of=of)


@dataclass(slots=True)
class Account:
    """An account at a scripted bank, synced by hand."""

    it: Bench
    bank: FakeBank
    syncs: int = 0

    async def sync(
        self,
        *balances: BalanceSeen,
        rows: Sequence[TransactionSeen] = (),
        removed: Sequence[str] = (),
    ) -> Any:
        """Let the bank say this, sync, and return what the tie-out says of account "a"."""
        self.syncs += 1
        gone = [Removal("a", one) for one in removed]
        page = Page(rows, gone, f"cursor {self.syncs}", more=False)
        self.bank.scripts = {"all": reading(Balances(balances), page)}
        ending, _ = await self.it.sync()
        assert ending.outcome is Outcome.DONE
        return (await self.found())[0]

    async def found(self) -> list[Any]:
        """Return every tie-out, by account."""
        return await self.it.all(tie_outs.select().order_by(tie_outs.c.account_id))

    async def numbers(self, found: Any) -> list[str]:
        """Return the bank's ids of the rows that are named as candidates."""
        t = transactions.c
        ids = {
            public_id("txn", one.id): one.external_id
            for one in await self.it.all(sa.select(t.id, t.external_id))
        }
        return [ids[name] for name in json.loads(found.candidates)]


def with_account(database: Database, story: Callable[[Account], Coroutine[Any, Any, None]]) -> None:
    """Play a story with an account."""

    async def told() -> None:
        bank = FakeBank()
        async with bench(database.url, bank) as it:
            await story(Account(it, bank))

    play(told())


def test_one_balance_is_unproven_two_are_ok(database: Database) -> None:
    """sync.md 30: alone it proves nothing; an opening balance that the bank states is one."""

    async def story(one: Account) -> None:
        rows = [row("1", "-10.00", on=DAY)]
        assert (await one.sync(stated("90.00"), rows=rows)).status == "unproven"
        found = await one.sync(stated("85.00", day=2), rows=[row("2", "-5", on=DAY + timedelta(1))])
        assert (found.status, found.amount, found.candidates) == ("ok", 0, "[]")
        assert found.checked_at == NOON
        assert (await one.sync(opening("100.00"))).status == "ok"
        assert (await one.sync(opening("99.00"))).status == "difference"

    with_account(database, story)


def test_a_difference_is_a_fact_with_candidates(database: Database) -> None:
    """sync.md 30: amount, first day, and the rows that could explain it, in either direction."""

    async def story(one: Account) -> None:
        rows = [
            row("posted", "-10.00"),
            row("held", "-7.50", pending=True, on=DAY + timedelta(2)),
            row("back", "-7.50", on=DAY + timedelta(1)),
            row("other", "-7.51", pending=True, on=DAY + timedelta(2)),
        ]
        await one.sync(opening("100.00"), stated("82.50", day=1), rows=rows)
        found = await one.sync(stated("82.50", day=3), removed=["back"])
        assert (found.status, found.amount) == ("difference", Decimal("-7.50"))
        assert found.first_on == DAY + timedelta(1)  # till then the row stood, and was right
        assert await one.numbers(found) == ["back", "held"]
        found = await one.sync(stated("100.00", day=4))
        assert (found.status, found.amount) == ("difference", Decimal("10.00"))

    with_account(database, story)


def test_a_row_too_many_is_a_candidate_too(database: Database) -> None:
    """sync.md 30: where the bank has less than we list, the posted row of that amount is named."""

    async def story(one: Account) -> None:
        rows = [row("1", "-10.00", on=DAY + timedelta(1)), row("2", "-4.00", on=DAY + timedelta(1))]
        found = await one.sync(opening("100.00"), stated("90.00", day=2), rows=rows)
        assert (found.status, found.amount) == ("difference", Decimal("4.00"))
        assert await one.numbers(found) == ["2"]

    with_account(database, story)


def test_a_row_of_another_currency_explains_nothing(database: Database) -> None:
    """sync.md 30: per account and currency: so are the rows that could be meant."""

    async def story(one: Account) -> None:
        rows = [
            row("euros", "-9.00", on=DAY + timedelta(1)),
            row("dollars", "-9.00", on=DAY + timedelta(1), currency="USD"),
        ]
        dollars = replace(stated("5.00", day=2), currency="USD")
        both = [opening("100.00"), replace(opening("5.00"), currency="USD")]
        await one.sync(*both, stated("91.00", day=2), dollars, rows=rows)
        euros, found = await one.found()
        assert (euros.status, found.currency, found.amount) == ("ok", "USD", Decimal("9.00"))
        assert await one.numbers(found) == ["dollars"]

    with_account(database, story)


def test_a_difference_is_written_as_amounts_are(database: Database) -> None:
    """sync.md 15, 30: 7.500 is 7.50, as rows are written: its candidate is found by text too."""

    async def story(one: Account) -> None:
        rows = [row("1", "-0.125"), row("held", "-7.50", pending=True)]
        found = await one.sync(opening("100.00"), stated("92.375", day=1), rows=rows)
        assert (found.status, str(found.amount)) == ("difference", "-7.50")
        assert await one.numbers(found) == ["held"]

    with_account(database, story)


def test_a_difference_heals(database: Database) -> None:
    """sync.md 30: a row that came or was taken back late brings the account in order again."""

    async def story(one: Account) -> None:
        first = [row("1", "-10.00")]
        assert (await one.sync(opening("50.00"), stated("33.00", day=1), rows=first)).status == (
            "difference"
        )
        late = [row("late", "-7.00", on=DAY + timedelta(1))]
        assert (await one.sync(stated("33.00", day=2), rows=late)).status == "ok"
        assert (await one.sync(stated("43.00", day=3))).status == "difference"
        assert (await one.sync(stated("43.00", day=4), removed=["1"])).status == "ok"

    with_account(database, story)


def test_what_a_person_hides_or_deletes_still_moved_money(database: Database) -> None:
    """sync.md 12, 30: the person's word is for the person's eyes; the account still adds up."""

    async def story(one: Account) -> None:
        rows = [row("1", "-10.00"), row("2", "-5.00"), row("held", "-3.00", pending=True)]
        await one.sync(opening("100.00"), stated("85.00", day=1), rows=rows)
        hide = transactions.update().values(hidden=True, deleted_at=NOON)
        await one.it.write(hide)
        assert (await one.sync(stated("85.00", day=2))).status == "ok"

    with_account(database, story)


def test_settling_moves_a_row_into_the_balance(database: Database) -> None:
    """sync.md 30: a pending row is in no balance; settled later on the same day it is."""

    async def story(one: Account) -> None:
        held = row("p", "-20.00", pending=True)
        await one.sync(opening("100.00"), stated("100.00"), rows=[held])
        settled = row("b", "-22.00", replaces="p")
        found = await one.sync(stated("78.00", day=1), rows=[settled], removed=["p"])
        assert found.status == "ok"

    with_account(database, story)


def test_large_amounts_are_added_to_the_last_digit(database: Database) -> None:
    """sync.md 15, 30: amounts of 37 digits tie out exactly, or differ by their last one."""

    async def story(one: Account) -> None:
        large = "1234567890123456789.000000000000000001"
        rows = [row("1", large), row("2", large)]
        balance = "2469135780246913578.00000000000000000"
        found = await one.sync(opening("0.00"), stated(f"{balance}2", day=1), rows=rows)
        assert (found.status, found.amount) == ("ok", 0)
        found = await one.sync(stated(f"{balance}3", day=2))
        assert (found.status, found.amount) == ("difference", Decimal("1E-18"))

    with_account(database, story)


def test_each_account_has_its_own(database: Database) -> None:
    """sync.md 30: one that differs hides behind no other; an inactive one stays as said."""

    async def told() -> None:
        bank = FakeBank(accounts=[account("a"), account("b")])
        async with bench(database.url, bank) as it:
            one = Account(it, bank)
            rows = [row("1", "-10.00"), row("2", "-10.00", account="b")]
            balances = [opening("0.00"), opening("0.00", of="b")]
            now = [stated("-10.00", day=1), stated("-11.00", day=1, of="b")]
            await one.sync(*balances, *now, rows=rows)
            found = await one.found()
            assert [each.status for each in found] == ["ok", "difference"]
            bank.accounts = [account("a")]
            it.watch.later(days=1)
            await one.sync(stated("-10.00", day=2))
            checked = [each.checked_at - NOON for each in await one.found()]
            assert checked == [timedelta(days=1), timedelta()]

    play(told())


@pytest.mark.parametrize("days", [0, 2, 3])
def test_a_young_difference_is_settling(sqlite_database: Database, days: int) -> None:
    """sync.md 30: two days' grace by our clock: banks list rows later than they count them."""

    async def told() -> None:
        bank = FakeBank()
        async with bench(sqlite_database.url, bank) as it:
            it.watch.now = datetime.combine(DAY + timedelta(1), NOON.timetz())
            it.watch.later(days=days)
            one = Account(it, bank)
            found = await one.sync(opening("0.00"), stated("-9.00", day=1))
            assert found.status == ("settling" if days <= 2 else "difference")
            assert found.amount == Decimal("-9.00")

    play(told())
