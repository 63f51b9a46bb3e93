"""Who is asking, bound where a request comes in, for whoever writes down that something was done.

It goes along into the tasks and threads that the request starts (contextvars), so that no function
between the two has to carry it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Via(StrEnum):
    """By which way somebody asks."""

    API = "api"
    LOCAL = "local"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: by which way, from which address, and as whom, where that is known.

    `local` is whoever may run commands on the installation itself; `program` is Penstock by itself.
    """

    via: Via = Via.PROGRAM
    address: str | None = None
    user_id: int | None = None
    session_id: int | None = None


_ASKING: Final[ContextVar[Asking]] = ContextVar("asking", default=Asking())  # noqa: B039 - frozen


def who_asks() -> Asking:
    """Return who is asking here."""
    return _ASKING.get()


@contextmanager
def asked_by(asking: Asking) -> Iterator[None]:
    """Say who asks for what is done within, in this task and those that it starts."""
    before = _ASKING.set(asking)
    try:
        yield
    finally:
        _ASKING.reset(before)


def known_as(user_id: int, session_id: int | None) -> None:
    """Say as whom the one who is asking here signed in, from now on."""
    _ASKING.set(replace(_ASKING.get(), user_id=user_id, session_id=session_id))
