"""Where the demo happens: a bank that listens on this machine, and a fresh installation."""

import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from penstock.api.app import create_app
from penstock.cli.access import Access
from penstock.cli.client import Client, http_client
from penstock.cli.in_process import BASE_URL, AppTransport
from penstock.cli.session import IN_PROCESS, Sessions
from penstock.domain.clock import utc_now
from penstock.domain.secret import Secret
from penstock.sandbox.server import Options, running
from penstock.settings import Settings
from penstock.wiring import open_penstock

NAME: Final = "ada"
TRANSACTIONS: Final = 15
PAGE_SIZE: Final = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """The bank's address, a way to its controls, and the API as nobody yet signed in."""

    home: Path
    bank_url: str
    bank: httpx2.AsyncClient
    client: Client
    password: str

    async def control(self, act: str, **body: Any) -> None:
        """Do something to the bank's world, over HTTP."""
        answer = await self.bank.post(f"/control/{act}", json=body)
        answer.raise_for_status()

    async def bank_says(self, what: str) -> dict[str, Any]:
        """Return what the bank itself knows: its `truth`, or its `counters`."""
        answer = await self.bank.get(f"/control/{what}")
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said


@contextlib.asynccontextmanager
async def set_up(keep: Path | None) -> AsyncIterator[Stage]:
    """Set the stage, with one person; clear it away afterwards, but for a home that is kept."""
    options = Options(transactions=TRANSACTIONS, page_size=PAGE_SIZE)
    async with contextlib.AsyncExitStack() as stack:
        home = stack.enter_context(_home(keep))
        bank = await stack.enter_async_context(running(options))
        settings = fresh_settings(home=home, sandbox_url=bank.url)
        penstock = await stack.enter_async_context(open_penstock(settings))
        password = secrets.token_urlsafe(16)
        await penstock.identity.add_user(NAME, Secret(password))
        app = create_app(lambda: contextlib.nullcontext(penstock))
        await stack.enter_async_context(app.router.lifespan_context(app))
        http = await stack.enter_async_context(http_client(BASE_URL, AppTransport(app)))
        access = Access(IN_PROCESS, Sessions(home), http=http, clock=utc_now)
        controls = await stack.enter_async_context(http_client(bank.url, None))
        yield Stage(home, bank.url, controls, Client(http, access), password)


def fresh_settings(**chosen: Any) -> Settings:
    """Return the settings as they come, with these: nothing of the environment's is taken."""
    fields = Settings.model_fields
    defaults = {
        name: one.get_default(call_default_factory=True, validated_data={})
        for name, one in fields.items()
        if name not in chosen
    }
    return Settings(**defaults, **chosen)


@contextlib.contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="penstock-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"
