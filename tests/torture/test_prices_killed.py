"""Kill and restart in mid-fetch: quotas and cool-downs are still respected."""

import asyncio
from pathlib import Path
from random import SystemRandom

import pytest

from tests.databases import Database
from tests.torture.pricing import torture
from tests.torture.stores import Store


@pytest.mark.long
def test_who_is_killed_in_mid_fetch_breaks_no_promise(database: Database, tmp_path: Path) -> None:
    """Two processes fetch and are killed: the host sees no call too many, too soon or unwanted."""
    seed = SystemRandom().randrange(1_000_000)
    place = Store(database.kind, database.url, tmp_path)
    report = asyncio.run(torture(place, database.kind, seed, kills=8))
    assert not report.violations, "\n".join(report.lines())
