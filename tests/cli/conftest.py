"""A bank that listens, and a person at the command line of a home of their own.

The bank runs in a thread, because each command runs an event loop of its own in this one.
"""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from penstock.cli.app import app
from penstock.db import rates
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.rates import Document
from penstock.domain.clock import utc_now
from penstock.sandbox.server import Options, running
from tests.cli.quote_site import Site, opened
from tests.databases import Database as Made

PASSWORD = "a gate that feeds a mill"


class Bank:
    """The sandbox bank on a free port of this machine."""

    def __init__(self, options: Options) -> None:
        self._listening: Future[str] = Future()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(options,), daemon=True)
        self._thread.start()
        self.url = self._listening.result(30)

    def control(self, act: str, **body: object) -> None:
        """Do something to its world."""
        httpx2.post(f"{self.url}/control/{act}", json=body).raise_for_status()

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def _run(self, options: Options) -> None:
        async def live() -> None:
            async with running(options) as bank:
                self._listening.set_result(bank.url)
                await self._over.wait()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(live())


@dataclass
class Terminal:
    """Somebody who types commands; `home` is where their installation is."""

    home: Path
    environment: dict[str, str]

    def run(self, *arguments: str, typed: str | None = None, **environment: str) -> Result:
        """Run a command, and return how it ended."""
        given = {**self.environment, **environment}
        return CliRunner().invoke(app, arguments, input=typed, env=given, prog_name="penstock")

    def good(self, *arguments: str, typed: str | None = None, **environment: str) -> Result:
        """Run a command that must end with 0."""
        result = self.run(*arguments, typed=typed, **environment)
        assert result.exit_code == 0, f"{arguments}: {result.output}"
        return result

    def json(self, *arguments: str, **environment: str) -> Any:
        """Run a reader with --json; its stdout must be one JSON value, and nothing else."""
        return json.loads(self.good(*arguments, "--json", **environment).stdout)

    def link(self, *flags: str) -> str:
        """Link the sandbox bank; return the connection's id."""
        return self.good("connect", "sandbox", "--auto-consent", *flags).stdout.strip()

    def sign_in(self, name: str = "ada") -> None:
        """Make a person, and sign them in."""
        self.good("user", "add", name, "--password-stdin", typed=PASSWORD)
        self.good("login", "--username", name, "--password-stdin", typed=PASSWORD)


def in_front_of(home: Path, bank_url: str = "http://127.0.0.1:1") -> Terminal:
    """Return a terminal for the installation in `home`, which need not be there yet."""
    return Terminal(home, {"PENSTOCK_HOME": str(home), "PENSTOCK_SANDBOX_URL": bank_url})


@pytest.fixture
def store(database: Made) -> Iterator[Database]:
    """Open a database of each kind, with nobody in it."""
    opened = open_database(database.url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Return a terminal where nobody ever signs in, for tests that change nothing."""
    return in_front_of(tmp_path_factory.mktemp("nobody") / "home")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Return a person whose bank is linked and synced, for tests that only read."""
    bank = Bank(Options())
    terminal = in_front_of(tmp_path_factory.mktemp("reader") / "home", bank.url)
    terminal.sign_in()
    terminal.link()
    terminal.good("sync")
    yield terminal
    bank.stop()


@pytest.fixture
def bank() -> Iterator[Bank]:
    """Run a bank of the test's own."""
    bank = Bank(Options())
    yield bank
    bank.stop()


@pytest.fixture
def stranger(tmp_path: Path) -> Terminal:
    """Return a terminal in front of nothing: no home, no bank."""
    return in_front_of(tmp_path / "home")


@pytest.fixture(scope="session")
def signed_in_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home where Ada has just signed in: copied, for to hash a password takes its time."""
    terminal = in_front_of(tmp_path_factory.mktemp("signed in") / "home")
    terminal.sign_in()
    return terminal.home


@pytest.fixture
def ada(tmp_path: Path, bank: Bank, signed_in_home: Path) -> Terminal:
    """Return a person who is signed in, with a bank of the test's own."""
    shutil.copytree(signed_in_home, tmp_path / "home")
    return in_front_of(tmp_path / "home", bank.url)


@pytest.fixture
def sound_ada(linked_ada: Terminal) -> Terminal:
    """Return such a person where today's exchange rates are there, too."""
    database = open_database(f"sqlite:///{linked_ada.home / 'penstock.db'}")
    now = utc_now()
    database.write_now(rates.note, Document("daily", now, now.date()))
    database.close()
    return linked_ada


@pytest.fixture
def linked_ada(ada: Terminal) -> Terminal:
    """Return a person whose bank is linked and synced."""
    ada.link()
    ada.good("sync")
    return ada


@pytest.fixture
def site() -> Iterator[Site]:
    """Open a site with prices."""
    with opened() as here:
        yield here
