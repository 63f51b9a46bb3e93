"""A worker process that refreshes one token many times at once: `… URL TOKEN COUNT [THUMBPRINT]`.

It says `ready`, waits for a line, and prints what each refresh gave: a refresh token or `-`.
"""

import asyncio
import sys

from penstock.db.connect import open_database
from penstock.domain.clock import utc_now
from penstock.domain.secret import Secret
from penstock.identity.purpose import Presenter
from penstock.identity.sessions import RefreshRefused
from tests.identity.house import make


async def main(url: str, token: str, count: int, thumbprint: str | None) -> None:
    """Refresh."""
    async with open_database(url) as database:
        identity = make(database, utc_now)

        async def once() -> str:
            presenter = Presenter(key_thumbprint=thumbprint)
            try:
                return (await identity.refresh(Secret(token), None, presenter)).refresh.reveal()
            except RefreshRefused:
                return "-"

        print("ready", flush=True)  # noqa: T201 - the test reads it
        sys.stdin.readline()
        print(" ".join(await asyncio.gather(*(once() for _ in range(count)))))  # noqa: T201 - the test reads it
        identity.close()


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] if sys.argv[4:] else None)
    )
