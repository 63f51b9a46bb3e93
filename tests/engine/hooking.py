"""A house that the world reaches, and the webhooks that its bank would send."""

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from penstock.db import due
from penstock.domain.outcome import Outcome
from penstock.engine.hooks import Heard
from penstock.sandbox.bank import Options
from penstock.sandbox.hooks import Posted
from tests.databases import Database
from tests.engine.house import House, house, play

SMALL = Options(transactions=30, page_size=20)
PUBLIC = "http://127.0.0.1:1"
Story = Callable[[House], Coroutine[Any, Any, None]]


def hooked(database: Database, story: Story, public_url: str | None = PUBLIC) -> None:
    """Play a story in a house that the world reaches."""

    async def told() -> None:
        async with house(database.url, SMALL, public_url=public_url) as home:
            await story(home)

    play(told())


async def linked(home: House, name: str) -> int:
    """Link and sync a connector; return the connection."""
    pasted = name == "up"
    connection = await home.paste(name) if pasted else await home.link(connector=name)
    ending, _ = await home.sync(connection)
    assert ending.outcome is Outcome.DONE, ending
    return connection


def moved(home: House) -> list[Posted]:
    """Move the world, and return what the bank now has to send."""
    home.bank.world.post("checking", Decimal("-1.00"), "Tea")
    (subscription,) = home.bank.hooks.subscriptions.values()
    log = home.bank.world.log
    return list(subscription.write(list(log.after(log.version - 1))))


async def take(home: House, name: str, connection: int, posted: Posted) -> Heard:
    """Deliver a webhook."""
    headers = {header.lower(): text for header, text in posted.headers.items()}
    return await home.penstock.inbox.take(name, connection, headers, posted.body)


async def is_due(home: House, connection: int) -> bool:
    """Tell whether a sync would begin by itself now."""
    return await home.penstock.database.read(due.is_due, connection, now=home.penstock.clock())
