"""Going to the bank and coming back, step by step."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from penstock.db.connections import connections
from penstock.engine.link import Linker
from tests.databases import Database
from tests.engine.house import CALLBACK, House, house, play

Callback = list[tuple[str, str]]


def at_home(database: Database, story: Callable[[House], Coroutine[Any, Any, None]]) -> None:
    """Play a story in a house."""

    async def told() -> None:
        async with house(database.url) as home:
            await story(home)

    play(told())


async def come_back(home: House, linker: Linker | None = None, decision: str = "allow") -> Callback:
    """Begin a link, decide at the bank, and return what the person comes back with."""
    begun = await (linker or home.penstock.linker).begin(
        home.owner_id, "sandbox", redirect_uri=CALLBACK
    )
    return parse_qsl(urlsplit(await home.consent(begun.url, decision=decision)).query)


def finish(home: House, callback: Callback, **more: Any) -> Coroutine[Any, Any, int]:
    """End a link."""
    given: dict[str, Any] = {"owner_id": home.owner_id} | more
    connector = given.pop("connector", "sandbox")
    linker: Linker = given.pop("linker", home.penstock.linker)
    return linker.finish(connector, callback, **given)


def asked_for_tokens(home: House) -> int:
    """Return how often the bank's token endpoint was asked."""
    return home.bank.counters["requests:token"]


async def linked(home: House) -> int:
    """Return how many connections there are."""
    return len(await home.all(connections.select()))
