"""A program that syncs without end, to be killed: `python -m tests.engine.investor URL`.

Each sync tells one row more and three positions of as many shares as there are rows.
"""

import asyncio
import itertools
import sys

from penstock.domain.protocol import Pull
from tests import loopback
from tests.db.merging import row
from tests.engine.bench import bench
from tests.engine.fake_bank import FakeBank, page
from tests.engine.positions import held, snapshot

NAMES = ("x", "y", "z")


async def invest(url: str) -> None:
    """Sync for ever; say on stdout how many syncs there were."""
    numbers = itertools.count(1)

    def moving(_cursor: str | None) -> Pull:
        number = next(numbers)
        yield snapshot(*(held(name, str(number)) for name in NAMES))
        yield page(row(f"{number:06}"), cursor=str(number))

    bank = FakeBank(scripts={"a": moving})
    async with bench(url, bank) as it:
        while True:
            _, run = await it.sync()
            sys.stdout.write(f"{run.id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    loopback.install()
    asyncio.run(invest(sys.argv[1]))
