"""The sandbox bank, a process of its own.

    python benchmarks/bank.py ROWS PAGE_SIZE

It prints its URL as JSON when it listens, and ends when its standard input does.
"""

import asyncio
import json
import sys

from penstock.sandbox.bank import Options
from penstock.sandbox.server import running


async def serve(rows: int, page_size: int) -> None:
    """Serve until the standard input is closed."""
    async with running(Options(transactions=rows, page_size=page_size)) as bank:
        print(json.dumps({"url": bank.url}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
