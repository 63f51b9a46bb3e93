"""Every torture by its name."""

from collections.abc import Mapping
from typing import Final

from tests.torture import (
    crowding,
    cutting,
    filling,
    killing,
    pausing,
    pricing,
    quoting,
    refreshing,
)
from tests.torture.report import Torture

TORTURES: Final[Mapping[str, Torture]] = {
    "kill": killing.run,
    "pause": pausing.run,
    "refresh": refreshing.run,
    "fill": filling.run,
    "cut": cutting.run,
    "crowd": crowding.run,
    "prices": pricing.run,
    "quotes": quoting.run,
}
