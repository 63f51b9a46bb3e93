"""Any story of snapshots ends at the last one, for the table and for whoever follows the feed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.db import invariants
from penstock.db.holdings import holdings
from penstock.domain.holding import HoldingSeen, SecurityType
from penstock.domain.outcome import Outcome
from penstock.domain.update import Holdings
from tests.databases import Databases
from tests.engine.bench import NOON, bench
from tests.engine.fake_bank import FakeBank, account, reading
from tests.engine.house import play
from tests.engine.positions import feed, said, stored

numbers = st.builds(
    lambda units, places: Decimal(units).scaleb(-places),
    st.integers(-(10**24), 10**24),
    st.integers(0, 18),
)
sightings = st.builds(
    lambda name, quantity, price, value, cost, symbol, kind, minutes: HoldingSeen(
        account="a",
        external_id=name,
        name=f"Share {name}",
        type=kind,
        quantity=quantity,
        currency="EUR",
        as_of=NOON - timedelta(minutes=minutes),
        symbol=symbol,
        price=price,
        value=value,
        cost_basis=cost,
    ),
    st.sampled_from(["x", "X", "x ", "é", "y", "z"]),
    st.sampled_from([Decimal(1), Decimal("1.0"), Decimal("-0.5")]) | numbers,
    st.none() | numbers,
    st.none() | numbers,
    st.none() | numbers,
    st.sampled_from([None, "X", "Y"]),
    st.sampled_from(list(SecurityType)),
    st.integers(0, 10),
)
snapshots = st.lists(sightings, max_size=5, unique_by=lambda one: one.external_id)
stories = st.lists(st.dictionaries(st.sampled_from(["a", "b"]), snapshots), max_size=6)


def told(name: str, rows: list[HoldingSeen]) -> Holdings:
    """Return what one account holds."""
    return Holdings(name, [replace(one, account=name) for one in rows])


TOLD = sa.select(*(one for one in holdings.c if one.name != "security_id")).order_by(holdings.c.id)
"""All of each position, but which security it is of: a neighbour's news may tell us that."""


def check(databases: Databases, story: list[dict[str, list[HoldingSeen]]]) -> None:
    """Play a story of snapshots; after each, the table and the feed's follower know the last."""

    async def play_it(url: str) -> None:
        bank = FakeBank(accounts=[account("a"), account("b")])
        last: dict[str, dict[str, Any]] = {"a": {}, "b": {}}
        async with bench(url, bank) as it:
            for step in story:
                before = await it.all(TOLD)
                bank.scripts = {"all": reading(*(told(name, rows) for name, rows in step.items()))}
                ending, run = await it.sync()
                assert ending.outcome is Outcome.DONE
                last |= {name: said(rows) for name, rows in step.items()}
                rows = await it.all(TOLD)
                assert run.tally.holdings == len(set(rows) - set(before))
                assert await by_account(it) == last
            followed = {one.row.id: one.row for one in await feed(it)}
            rows = await it.all(holdings.select())
            standing = {row.id: row.ended_at is None for row in rows}
            assert await it.database.read(broken) == []
            assert {number: one.ended_at is None for number, one in followed.items()} == standing

    async def by_account(it: Any) -> dict[str, dict[str, Any]]:
        return {name: await stored(it, name) for name in ("a", "b")}

    def broken(connection: sa.Connection) -> list[Any]:
        found = (one for _, some in invariants.check(connection) for one in some)
        return [one for one in found if one.table == "holdings"]

    with databases.fresh() as database:
        play(play_it(database.url))


FEW = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(story=stories)
def test_after_any_story_the_table_is_the_last_snapshot(
    databases: Databases, story: list[dict[str, list[HoldingSeen]]]
) -> None:
    """Whatever was told before: to the last digit, nothing more, nothing less, nothing twice.

    What was written is counted, row by row, and an account that was not told of keeps what it had.
    """
    check(databases, story)


@pytest.mark.long
@settings(FEW, max_examples=25)
@given(story=stories)
def test_after_many_stories_the_table_is_the_last_snapshot(
    databases: Databases, story: list[dict[str, list[HoldingSeen]]]
) -> None:
    """The same, after many stories."""
    check(databases, story)
