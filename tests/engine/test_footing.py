"""A proven balance spares the next check what came before, and hides nothing of it (sync.md 30)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from penstock.db.tie_outs import tie_outs
from penstock.domain.tieout import FOOTING
from tests.databases import Database
from tests.db.merging import DAY, row
from tests.engine.test_tie_outs import Account, opening, stated, with_account

FOOTED = 6
"""How many days after DAY the footing lies, where the newest balance is of FOOTING later."""
NEWEST = FOOTED + FOOTING.days


async def footed_on(one: Account) -> object:
    """Return the day of the account's footing."""
    ((day,),) = await one.it.all(tie_outs.select().with_only_columns(tie_outs.c.footed_on))
    return day


@pytest.mark.parametrize("day", [FOOTED - 1, FOOTED, FOOTED + 1])
def test_what_is_rewritten_beneath_a_footing_counts(database: Database, day: int) -> None:
    """sync.md 30: a row that is changed, or taken back, differs whatever its day."""

    async def story(one: Account) -> None:
        on = DAY + timedelta(day)
        rows = [row("1", "-10.00", on=on), row("2", "-5.00", on=on)]
        found = await one.sync(opening("100.00"), stated("85.00", day=NEWEST), rows=rows)
        assert (found.status, await footed_on(one)) == ("ok", DAY + timedelta(FOOTED))
        changed = row("1", "-17.00", on=on)
        found = await one.sync(stated("85.00", day=NEWEST + 1), rows=[changed])
        assert found.amount == Decimal("7.00")
        found = await one.sync(stated("78.00", day=NEWEST + 2))
        assert found.status == "ok"
        found = await one.sync(stated("78.00", day=NEWEST + 3), removed=["2"])
        assert found.amount == Decimal("-5.00")

    with_account(database, story)


def test_the_first_rows_of_an_account_count_beneath_its_footing(database: Database) -> None:
    """sync.md 30: balances that agreed where no row was listed yet prove nothing of those rows."""

    async def story(one: Account) -> None:
        found = await one.sync(opening("100.00"), stated("100.00", day=NEWEST))
        assert (found.status, await footed_on(one)) == ("ok", DAY + timedelta(FOOTED))
        late = row("1", "-10.00", on=DAY + timedelta(1))
        found = await one.sync(stated("100.00", day=NEWEST + 1), rows=[late])
        assert found.amount == Decimal("10.00")

    with_account(database, story)
