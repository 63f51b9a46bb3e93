"""What a person decided is carried out as the bank's word would have been (sync.md 14, 30)."""

from datetime import timedelta
from decimal import Decimal

from penstock.db import suggestions
from penstock.db.suggestions import State
from penstock.domain.outcome import Outcome
from penstock.domain.update import Balances, Covered, Page
from penstock.engine.decide import accept
from tests.databases import Database
from tests.db.merging import DAY, row
from tests.engine.fake_bank import reading
from tests.engine.test_tie_outs import Account, stated, with_account


def test_an_account_adds_up_without_the_rows_that_went(database: Database) -> None:
    """sync.md 30: rows that the first balance held are missing from the next one, and from ours."""

    async def story(one: Account) -> None:
        early = DAY - timedelta(days=1)
        rows = [row(f"{n}", "-1.00", on=early) for n in range(12)]
        await one.sync(stated("88.00"), rows=rows)
        window = Page([], [], "later", more=False, covered=(Covered("a", early, early),))
        one.bank.scripts = {"all": reading(Balances([stated("100.00", day=1)]), window)}
        ending, _ = await one.it.sync()
        assert ending.outcome is Outcome.DONE
        assert (await one.found())[0].amount == Decimal("12.00")
        it = one.it
        ((number, *_),) = await it.all(suggestions.suggestions.select())
        decided = await it.database.write(accept, number, owner_id=it.owner_id, now=it.watch())
        assert (decided.state, await it.ids()) == (State.ACCEPTED, [])
        assert (await one.found())[0].status == "ok"

    with_account(database, story)
