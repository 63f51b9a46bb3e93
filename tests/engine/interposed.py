"""A database before whose work something happens: it is late, fails, or somebody else is first."""

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from penstock.db.lane import Database

P = ParamSpec("P")
R = TypeVar("R")


class Interposed(Database):
    """Awaits `before(name of the work)` and then writes; reading is as ever."""

    def __init__(self, engine: sa.Engine, before: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(engine)
        self.before = before

    async def write(
        self,
        work: Callable[Concatenate[sa.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Let it happen, then do the work."""
        await self.before(getattr(work, "__name__", ""))
        return await super().write(work, *args, **kwargs)

    async def write_to_disk(
        self,
        work: Callable[Concatenate[sa.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Let it happen, then do the work."""
        await self.before(getattr(work, "__name__", ""))
        return await super().write_to_disk(work, *args, **kwargs)
