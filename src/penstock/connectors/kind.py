"""A kind of connector: its name, what it has to be told, and how it is made of that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from penstock.domain.clock import Clock
from penstock.domain.option import Given, Option
from penstock.domain.protocol import Connector

CERTIFICATE: Final = "certificate"
CERTIFICATE_KEY: Final = "certificate_key"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a connector's file declares, for the list of them all.

    `make` raises InvalidInput for an option that cannot be used. It is given the clock, for there
    are protocols in which the one who asks has to say from when, or until when. An option
    `CERTIFICATE`, with `CERTIFICATE_KEY`, is shown to its servers whenever they are asked.
    """

    name: str
    options: tuple[Option, ...]
    make: Callable[[Given, Clock], Connector]
