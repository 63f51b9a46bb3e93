"""The same login, linked again: never a second copy, and nothing that was written is lost."""

from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.transactions import transactions
from penstock.domain.errors import Conflict
from penstock.domain.outcome import Outcome
from tests.databases import Database
from tests.engine.house import House, house, play
from tests.engine.test_undone import undone


async def linked(home: House, name: str) -> int:
    """Link a connector that is in the browser, or pasted."""
    return await (home.paste(name) if name in {"up", "simplefin"} else home.link(connector=name))


async def counted(home: House) -> tuple[int, int]:
    """Count accounts and rows, gone ones too."""
    (found,) = await home.all(
        sa.select(
            sa.select(sa.func.count()).select_from(accounts).scalar_subquery(),
            sa.select(sa.func.count()).select_from(transactions).scalar_subquery(),
        )
    )
    return found[0], found[1]


async def noted(home: House) -> list[Any]:
    """Return what the person wrote, by row."""
    t = transactions.c
    return await home.all(sa.select(t.id, t.note).where(t.note.is_not(None)).order_by(t.id))


@pytest.mark.parametrize("name", ["sandbox", "up", "plaid", "simplefin"])
def test_a_second_copy_is_refused_before_anything_is_stored(database: Database, name: str) -> None:
    """Noticed at its first sync, with what to do: nothing is there twice."""

    async def story() -> None:
        async with house(database.url, link_twice=False) as home:
            first = await linked(home, name)
            await home.sync(first)
            before = await counted(home)
            ending, _ = await home.sync(await linked(home, name))
            assert ending.outcome is Outcome.CONSENT
            assert "linked already" in (ending.message or "")
            assert "penstock disconnect con_" in (ending.remedy.text if ending.remedy else "")
            assert await counted(home) == before
            again, _ = await home.sync(first)
            assert again.outcome is Outcome.DONE

    play(story())


@pytest.mark.parametrize("name", ["sandbox", "up", "plaid", "simplefin"])
def test_what_was_disconnected_goes_on(database: Database, name: str) -> None:
    """sync.md 26: linked anew, the accounts are the same, with what the person wrote in them."""

    async def story() -> None:
        async with house(database.url, link_twice=False) as home:
            first = await linked(home, name)
            await home.sync(first)
            before, rows = await counted(home), await home.rows()
            mine = transactions.update().values(note="mine")
            await home.penstock.database.write(lambda at: at.execute(mine))
            notes = await noted(home)
            await home.penstock.forgetter.disconnect(first, owner_id=home.owner_id, delete=False)
            second = await linked(home, name)
            ending, _ = await home.sync(second)
            assert ending.outcome is Outcome.DONE
            assert second != first
            assert await counted(home) == before
            assert await noted(home) == notes
            assert set((await home.rows()).values()) == set(rows.values())
            owners = await home.all(sa.select(accounts.c.connection_id).distinct())
            assert [row[0] for row in owners] == [second]

    play(story())


def test_who_may_link_twice_has_it_twice(database: Database) -> None:
    """The setting is the way out, where two logins only look the same."""

    async def story() -> None:
        async with house(database.url, link_twice=True) as home:
            await home.sync(await linked(home, "sandbox"))
            before = await counted(home)
            ending, _ = await home.sync(await linked(home, "sandbox"))
            assert ending.outcome is Outcome.DONE
            assert await counted(home) == (before[0] * 2, before[1] * 2)

    play(story())


@pytest.mark.parametrize("name", ["sandbox", "up"])
def test_what_the_new_link_takes_for_known_is_not_undone_by_the_old_one(
    database: Database, name: str
) -> None:
    """sync.md 31: the rows of an old run are the new link's by now, whose cursor is past them."""

    async def story() -> None:
        async with house(database.url, link_twice=False) as home:
            first = await linked(home, name)
            _, run = await home.sync(first)
            before = await home.rows()
            await home.penstock.forgetter.disconnect(first, owner_id=home.owner_id, delete=False)
            second = await linked(home, name)
            ending, again = await home.sync(second)
            assert (ending.outcome, again.tally.inserted) == (Outcome.DONE, 0)
            with pytest.raises(Conflict):
                await undone(home, run.id)
            await home.sync(second)
            assert await home.rows() == before

    play(story())
