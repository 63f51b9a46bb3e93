"""Holdings that a scripted bank tells, and those that are stored."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from penstock.db import changes
from penstock.db.accounts import accounts
from penstock.db.changes import START
from penstock.db.holdings import holdings
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.update import Holdings
from tests.engine.bench import NOON, Bench

STATED = (
    "symbol",
    "isin",
    "name",
    "type",
    "quantity",
    "price",
    "value",
    "cost_basis",
    "currency",
)


def held(
    external_id: str, quantity: str = "2.5", *, account: str = "a", **more: Any
) -> HoldingSeen:
    """Make a position in a share at ten euros."""
    known: dict[str, Any] = {
        "name": f"Share {external_id}",
        "symbol": external_id.upper(),
        "price": Decimal(10),
        "as_of": NOON - timedelta(hours=1),
    }
    return HoldingSeen(
        account=account,
        external_id=external_id,
        type=SecurityType.STOCK,
        quantity=Decimal(quantity),
        currency="EUR",
        **(known | more),
    )


def snapshot(*rows: HoldingSeen, account: str = "a") -> Holdings:
    """Make all that an account holds."""
    return Holdings(account, rows)


def said(rows: Sequence[HoldingSeen]) -> dict[str, tuple[Any, ...]]:
    """Return what was told, by the provider's id, to be compared with `stored`."""
    return {row.external_id: tuple(getattr(row, name) for name in STATED) for row in rows}


async def stored(it: Bench, account: str = "a") -> dict[str, tuple[Any, ...]]:
    """Return what an account holds now, by the provider's id."""
    query = holdings.select().join(accounts, accounts.c.id == holdings.c.account_id)
    query = query.where(holdings.c.ended_at.is_(None), accounts.c.external_id == account)
    found = {}
    for row in await it.all(query):
        assert row.external_id not in found, "a holding was doubled"
        found[row.external_id] = tuple(getattr(row, name) for name in STATED)
    return found


async def feed(it: Bench, after: changes.Position = START) -> list[changes.Change]:
    """Return the changed holdings, and what was erased of them."""
    given: dict[str, Any] = {"owner_id": it.owner_id, "today": NOON.date(), "limit": 1000}
    found = await it.database.read(changes.page, **given, after=after)
    assert not found.more
    return [
        one
        for one in found.changes
        if one.kind == "holding" or (one.kind == "erasure" and one.row.kind == "holding")
    ]
