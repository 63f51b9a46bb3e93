"""What is said while somebody's worth is being worked out is in what is told next."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.domain.price_file import PriceLine
from penstock.domain.says import Invested
from penstock.engine import own_prices
from penstock.engine.worth import Valuer
from tests.databases import Database as Made
from tests.engine.street import Street, held, quoted


@pytest.fixture
def street(database: Made) -> Iterator[Street]:
    """Open a street on each kind of database."""
    opened = open_database(database.url)
    yield Street(opened)
    opened.close()


class Meanwhile(Database):
    """A database in which somebody does something right after the first reading."""

    def __init__(self, street: Street, deed: Callable[[sa.Connection], object]) -> None:
        self._street = street
        self._deed: Callable[[sa.Connection], object] | None = deed

    async def read(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        """Read, and let the deed be done after the first time."""
        found = await self._street.database.read(work, *args, **kwargs)
        deed, self._deed = self._deed, None
        if deed is not None:
            await self._street.database.write(deed)
        return found

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        """Write."""
        return await self._street.database.write(work, *args, **kwargs)


def test_what_is_said_while_a_worth_is_worked_out_is_not_lost(street: Street) -> None:
    """The days are told as they were read, and not kept: a price of one's own is in the next."""
    street.balance(15, "0.00")
    held(street, "2", 16)
    quoted(street, 16, "100")
    line = PriceLine(0, "SAP:XETR", date(2026, 11, 17), Decimal(70), "EUR", None)
    said: dict[str, Any] = {
        "owner_id": street.owner,
        "today": date(2026, 11, 20),
        "now": street.clock.now,
    }

    def set_price(connection: sa.Connection) -> object:
        return own_prices.set_price(connection, line, **said)

    def remove_price(connection: sa.Connection) -> object:
        own_prices.remove_price(connection, "SAP:XETR", line.day, owner_id=street.owner)
        return None

    invested = {"sandbox": Invested.MONEY}
    street.later(minutes=2)  # so that what came before is not looked for again
    for deed, total in ((set_price, "140.00"), (remove_price, "200.00")):
        net_worth_of = Valuer(Meanwhile(street, deed), street.clock, ZoneInfo("UTC"), invested)
        asyncio.run(net_worth_of.series(street.owner, "EUR", line.day, line.day))
        assert street.totals(17, 17) == {17: total}
