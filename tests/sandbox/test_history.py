"""A million rows cost no memory, and are served as fast as they are the same."""

import tracemalloc
from datetime import date
from itertools import islice

import msgspec
import pytest

from penstock.sandbox.delta import beginning, read
from penstock.sandbox.faces.own_rows import Pages, wire
from penstock.sandbox.history import CYCLE
from penstock.sandbox.plan import Plan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World

TODAY = date(2026, 11, 20)
MILLION = 1_000_000


@pytest.mark.parametrize("flavour", [Scenario.CALM, Scenario.TWINS, Scenario.MANY_CURRENCIES])
@pytest.mark.parametrize("size", [1, 39, CYCLE + 1, 3 * CYCLE + 7])
def test_templates_say_what_the_rows_are(flavour: Scenario, size: int) -> None:
    """The fast way to write a page gives the same bytes as writing row after row."""
    world = World(Plan(TODAY, transactions=size, flavour=flavour))
    pages, position, more = Pages(world.history), beginning(world), True
    written: list[object] = []
    while more:
        page = read(world, position, 700)
        written += msgspec.json.decode(pages.page(page, "c"))["added"]
        position, more = page.after, page.more
    assert written == [msgspec.to_builtins(wire(row)) for row in world.live()]


def test_a_million_rows_need_no_memory() -> None:
    """Reading 200 pages anywhere in a history of a million rows stays within a few megabytes."""
    tracemalloc.start()
    world = World(Plan(TODAY, transactions=MILLION))
    pages = Pages(world.history)
    for start in range(0, MILLION, 5_000):
        page = read(world, beginning(world)._replace(row=start), 500)
        assert len(pages.page(page, "c")) > 500 * 150
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40 * 1024**2


def test_the_sum_of_a_million_rows_is_exact() -> None:
    """Totals are computed from the pattern, and are what adding up row by row gives."""
    world = World(Plan(TODAY, transactions=2 * CYCLE + 1_234))
    posted, pending = world.history.totals()
    for number, account in enumerate(world.accounts):
        rows = [row for row in world.live() if row.account == account.external_id]
        assert posted[number] == sum(row.amount for row in rows if row.booked_on is not None)
        assert pending[number] == sum(row.amount for row in rows if row.booked_on is None)


def test_rows_come_in_the_order_of_their_days() -> None:
    """The oldest is first; the history spans years and ends before the bank's today."""
    world = World(Plan(TODAY, transactions=MILLION))
    ends = [world.history.row(index) for index in (0, MILLION // 2, MILLION - 100)]
    days = [row.booked_on for row in ends if row.booked_on is not None]
    assert days == sorted(days)
    assert days[0] == world.plan.first_day
    assert days[-1] < TODAY
    assert len({row.external_id for row in islice(world.live(), 10_000)}) == 10_000
