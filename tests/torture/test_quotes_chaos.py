"""Everything goes wrong at five sources: no price is silently wrong, no host asked too much."""

import asyncio
from pathlib import Path
from random import SystemRandom

from tests.databases import Database
from tests.torture.quoting import torture
from tests.torture.stores import Store

SYMBOLS = 40
ROUNDS = (0, 50, 20)


def test_every_symbol_ends_as_a_right_price_or_a_right_error(
    database: Database, tmp_path: Path
) -> None:
    """Whatever sources do: one outcome each, in order, true or explained; no budget is broken."""
    seed = SystemRandom().randrange(1_000_000)
    place = Store(database.kind, database.url, tmp_path)
    report = asyncio.run(torture(place, database.kind, seed, SYMBOLS, ROUNDS))
    assert not report.violations, "\n".join(report.lines())
