"""What was held before securities were known: one for each ISIN, and a history that begins."""

import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from penstock.db import holding_versions, securities, security_ids
from penstock.db.holdings import holdings
from penstock.db.migrations import SCRIPTS, prepare, upgrade
from penstock.engine import securities as linking
from tests.databases import Database
from tests.db.books import NOW, open_books

LAST = 18
"""The step before there were securities."""


def older_steps(folder: Path) -> str:
    """Return a folder of the steps up to the last one without securities."""
    kept = folder / "steps"
    shutil.copytree(SCRIPTS, kept, ignore=shutil.ignore_patterns("__pycache__"))
    for step in (kept / "versions").glob("v*.py"):
        if int(step.name[1:5]) > LAST:
            step.unlink()
    return str(kept)


def test_what_is_held_already_is_linked(empty_database: Database, tmp_path: Path) -> None:
    """Two of one ISIN are of one security, one that ended has its end; no number is changed.

    Sorted anew, it is as it was: the next sync finds nothing to merge or to part.
    """
    prepare(empty_database.url, older_steps(tmp_path))
    with open_books(empty_database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        apple = {"isin": "US0378331005", "symbol": "AAPL"}
        books.holding(owner, account, **apple)
        books.holding(owner, account, **apple, ended_at=NOW + timedelta(days=9))
        books.holding(owner, account, symbol="X", quantity=Decimal("0.000000000000000001"))
    upgrade(empty_database.url)
    with open_books(empty_database.url) as books:
        database = books.database
        found = database.read_now(securities.of_owner, owner_id=owner)
        assert [(one.isin, one.ticker) for one in found] == [
            (apple["isin"], "AAPL"),
            (None, "X"),
        ]
        query = sa.select(holdings.c.security_id).order_by(holdings.c.id)
        of = database.read_now(lambda one: list(one.execute(query).scalars()))
        assert of == [found[0].id, found[0].id, found[1].id]
        told = database.read_now(security_ids.of_owner, owner_id=owner)
        assert [one.security_id for one in told] == of
        given: dict[str, Any] = {
            "owner_id": owner,
            "first": NOW.date(),
            "last": NOW.date() + timedelta(days=99),
        }
        states = database.read_now(holding_versions.versions, **given)
        assert [(one.ended, (one.day - NOW.date()).days) for one in states] == [
            *[(False, 0)] * 3,
            (True, 9),
        ]
        assert states[2].quantity == Decimal("0.000000000000000001")
        database.write_now(linking.work_out, linking.Book(owner, NOW))
        after = database.read_now(securities.of_owner, owner_id=owner)
        assert [one.id for one in after] == [one.id for one in found]
        assert after[0].cusip == "037833100"
        assert database.read_now(lambda one: list(one.execute(query).scalars())) == of
