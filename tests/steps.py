"""The steps that SQLite takes: what something costs, whatever else the machine does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(slots=True)
class Steps:
    """How many were taken."""

    taken: int = 0


@contextmanager
def counted(engine: sa.Engine) -> Iterator[Steps]:
    """Count the steps of whatever is asked over connections that are taken within."""
    steps, watched = Steps(), []

    def step() -> int:
        steps.taken += 1
        return 0

    def watch(driver: Any, *_: object) -> None:
        driver.inner.set_progress_handler(step, 1)
        watched.append(driver)

    sa.event.listen(engine, "checkout", watch)
    try:
        yield steps
    finally:
        sa.event.remove(engine, "checkout", watch)
        for driver in watched:
            driver.inner.set_progress_handler(None, 1)
