"""Running a step that asks: each request it yields is sent, once, and its answer handed back."""

from collections.abc import Generator
from typing import TypeVar

from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response

R = TypeVar("R")


async def run(asking: Generator[Request, Response, R], send: Sender) -> R:
    """Run a step to its end and return its value.

    Nothing is tried again: a code and most refresh tokens are good for one use. Raises what the
    step raises, and TransportFailure.
    """
    try:
        request = next(asking)
        while True:
            request = asking.send(await send(request))
    except StopIteration as end:
        value: R = end.value
        return value
    finally:
        asking.close()
