"""Importing files in tests of the engine."""

from typing import Any

from penstock.db import suggestions
from penstock.db.suggestions import State, Suggested
from penstock.db.transactions import transactions
from penstock.engine.import_plan import Wanted
from penstock.engine.importing import Imported, Wish
from tests.engine.house import House


async def import_file(
    home: House,
    content: bytes,
    *,
    account: int | None = None,
    new: str = "",
    currency: str = "",
    dry: bool = False,
    **how: Any,
) -> Imported:
    """Import a file for the person of a house."""
    wish = Wish(content, Wanted(home.owner_id, account, new, currency), **how)
    return await home.penstock.importer.import_file(wish, dry=dry)


def counts(done: Imported) -> tuple[int, int, int]:
    """Return how many rows were inserted, unchanged and linked."""
    tallies = [one.tally for one in done.imports]
    return (
        sum(one.inserted for one in tallies),
        sum(one.unchanged for one in tallies),
        sum(one.linked for one in tallies),
    )


async def standing(home: House) -> list[tuple[str, str, str]]:
    """Return the day, amount and words of every row that stands, in order."""
    c = transactions.c
    rows = await home.all(transactions.select().where(c.removed_at.is_(None)))
    return sorted((str(row.dated_on), str(row.amount), row.description) for row in rows)


async def asked(home: House) -> list[Suggested]:
    """Return what waits for the person."""
    return await home.penstock.database.read(
        suggestions.page, owner_id=home.owner_id, state=State.OPEN, after=0, limit=100
    )
