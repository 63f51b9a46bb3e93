"""R4: fifty refreshes of one token at once, by four processes: one live child, and no harm."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.db.connect import open_database
from penstock.domain.clock import utc_now
from penstock.domain.secret import Secret
from penstock.identity.purpose import Presenter, Purpose
from tests.databases import Database
from tests.identity.house import GOOD, HOME, make
from tests.security.test_r3_grace import live

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "the thumbprint of a key"
EACH = (13, 13, 12, 12)


def begin(url: str, key: str | None) -> str:
    """Begin a session, and return its refresh token."""

    async def story() -> str:
        async with open_database(url) as database:
            identity = make(database, utc_now)
            user_id = await identity.add_user("ada", GOOD)
            issued = await identity.begin_session(user_id, HOME, Purpose(key_thumbprint=key))
            identity.close()
            return issued.refresh.reveal()

    return asyncio.run(story())


def race(url: str, token: str, key: str | None) -> list[str]:
    """Let four processes refresh at the same time; return what each of the fifty got."""
    told = [key] if key else []
    command = [sys.executable, "-m", "tests.security.refreshing", url, token]
    workers = [
        subprocess.Popen(
            [*command, str(count), *told],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for count in EACH
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    return [one for worker in workers for one in worker.communicate(timeout=120)[0].split()]


def after(url: str, token: str, key: str | None) -> tuple[int, bool]:
    """Return how many tokens live, and whether this one is taken."""

    async def story() -> tuple[int, bool]:
        async with open_database(url) as database:
            identity = make(database, utc_now)
            count = await database.read(live)
            issued = await identity.refresh(Secret(token), None, Presenter(key_thumbprint=key))
            await identity.authenticate(issued.access.reveal())
            identity.close()
            return count, True

    return asyncio.run(story())


@pytest.mark.long
@pytest.mark.parametrize("key", [None, KEY], ids=["bearer", "bound"])
def test_fifty_at_once_by_four_processes(database: Database, key: str | None) -> None:
    """R4: all who are given a token are given the same one, it lives, and the session too.

    Without a key one of fifty gets it; with one all do, for each proves to be the same.
    """
    token = begin(database.url, key)
    got = race(database.url, token, key)
    given = [one for one in got if one != "-"]
    assert len(got) == sum(EACH)
    assert len(given) == (1 if key is None else sum(EACH))
    assert len(set(given)) == 1
    assert after(database.url, given[0], key) == (1, True)
