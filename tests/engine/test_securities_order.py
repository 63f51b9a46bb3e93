"""Whoever tells first: in the end the same positions are of one security."""

from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.db import security_events, security_ids
from penstock.domain.security import partition
from tests.databases import Databases
from tests.domain.tellings import APPLE, APPLE_CUSIP, SAP
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.house import play
from tests.engine.positions import held, snapshot
from tests.engine.securing import kept_together

WORDS: Sequence[dict[str, Any]] = (
    {"isin": APPLE, "symbol": None},
    {"cusip": APPLE_CUSIP, "symbol": None},
    {"symbol": "AAPL", "mic": "XNAS"},
    {"symbol": "AAPL", "mic": "XNAS", "isin": APPLE},
    {"symbol": "AAPL", "mic": "XNAS", "isin": SAP},
    {"symbol": "AAPL"},
    {"symbol": None, "isin": SAP},
    {"symbol": None, "security": "7"},
    {"symbol": "AAPL", "mic": "XNAS", "security": "7"},
)


async def told_in(url: str, order: Sequence[tuple[str, dict[str, Any]]]) -> list[list[str]]:
    """Let a bank tell one position more with each sync; return what is together in the end."""
    bank = FakeBank()
    async with bench(url, bank) as it:
        for count in range(1, len(order) + 1):
            rows = [held(name, **words) for name, words in order[:count]]
            bank.scripts = {"a": reading(snapshot(*rows))}
            await it.sync()
            await _check(it)
        return await kept_together(it)


async def _check(it: Bench) -> None:
    """What is stored is what all that is stored was told makes of it, sorted from nothing."""
    told = await it.database.read(security_ids.of_owner, owner_id=it.owner_id)
    events = await it.database.read(security_events.of_owner, owner_id=it.owner_id)
    groups: dict[int, set[int]] = {}
    for one in told:
        groups.setdefault(one.security_id, set()).add(one.telling.number)
    renamings = [new for event in events if (new := event.renaming)]
    fresh = partition((one.telling for one in told), renamings).groups
    assert {frozenset(some) for some in groups.values()} == fresh


@settings(max_examples=8, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=2, max_size=6),
    random=st.randoms(use_true_random=False),
)
def test_the_order_of_syncs_changes_no_security(
    databases: Databases, words: list[dict[str, Any]], random: Random
) -> None:
    """The same words told in another order put the same positions together, merge by merge."""
    rows = [(f"p{number}", one) for number, one in enumerate(words)]
    other = list(rows)
    random.shuffle(other)
    results = []
    for order in (rows, other):
        with databases.fresh() as database:
            results.append(play(told_in(database.url, order)))
    assert results[0] == results[1]
