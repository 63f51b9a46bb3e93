"""What people were worth, stored before there were rules, is worked out once more."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from penstock.db import net_worth, price_history
from penstock.db.migrations import SCRIPTS, prepare, upgrade
from tests.databases import Database
from tests.db.books import NOW, open_books

DAY = date(2026, 11, 16)
OLDER = sa.text(
    "INSERT INTO net_worth (owner_id, currency, day, total, assets, liabilities, counted, missing,"
    " computed_at, change_number) VALUES (:owner, 'EUR', :day, 7, 7, 0, 1, '[]', :now, 0)"
).bindparams(
    sa.bindparam("day", type_=sa.Date),
    sa.bindparam("now", type_=net_worth.net_worth.c.computed_at.type),
)


def older_steps(folder: Path) -> str:
    """Return a folder of the steps up to 0021."""
    kept = folder / "steps"
    shutil.copytree(SCRIPTS, kept, ignore=shutil.ignore_patterns("__pycache__"))
    for step in (kept / "versions").glob("v*.py"):
        if step.name[1:5] > "0021":
            step.unlink()
    return str(kept)


def test_a_day_from_before_the_rules_is_not_told_but_replaced(
    empty_database: Database, tmp_path: Path
) -> None:
    """It stays until then, and nothing is known of past days that were asked for."""
    prepare(empty_database.url, older_steps(tmp_path))
    with open_books(empty_database.url) as books:
        owner = books.person()
        given = {"owner": owner, "day": DAY, "now": NOW}
        books.database.write_now(lambda one: one.execute(OLDER, given))
    upgrade(empty_database.url)
    with open_books(empty_database.url) as books:
        database = books.database
        whose: dict[str, Any] = {"owner_id": owner, "currency": "EUR"}
        assert database.read_now(net_worth.between, **whose, first=DAY, last=DAY) == []
        new = net_worth.DayWorth(DAY, Decimal(8), Decimal(8), Decimal(0), 1, None, None, ())
        database.write_now(net_worth.store, [new], net_worth.Mark(0, NOW), **whose)
        (found,) = database.read_now(net_worth.between, **whose, first=DAY, last=DAY)
        assert found[0].total == 8
        assert database.read_now(price_history.find, "SAP:XETR") == price_history.Asked()
