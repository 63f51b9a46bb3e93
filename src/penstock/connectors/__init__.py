"""Our code for each provider, one file a bank, and the list of them all.

To add a bank: its file, its face in the sandbox, and one line here (docs/how-to/connector.md).
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from penstock.connectors.kind import CERTIFICATE, CERTIFICATE_KEY, Kind
from penstock.domain.clock import Clock, utc_now
from penstock.domain.option import Given
from penstock.domain.protocol import Connector
from penstock.domain.secret import Secret

NAMES: Final = (
    "sandbox",
    "starling",
    "up",
    "simplefin",
    "plaid",
    "monzo",
    "mx",
    "berlingroup",
    "enablebanking",
    "snaptrade",
)
"""Every connector by the name of its file, in the order in which people are shown them."""


def _kind(name: str) -> Kind:
    """Return what a connector's file declares."""
    kind = import_module(f"{__name__}.{name}").KIND
    if not isinstance(kind, Kind) or kind.name != name:
        raise TypeError(f"connectors/{name}.py declares no KIND of that name.")
    return kind


KINDS: Final[tuple[Kind, ...]] = tuple(map(_kind, NAMES))
"""Every kind of connector, in the same order."""


def build(values: Mapping[str, Secret], clock: Clock = utc_now) -> Mapping[str, Connector]:
    """Return every connector by its name.

    `values` are the options that were set, by names such as `starling_url`. Raises InvalidInput
    for one that cannot be used.
    """
    return {kind.name: kind.make(Given(kind.name, kind.options, values), clock) for kind in KINDS}


def addresses(values: Mapping[str, Secret]) -> Iterator[str]:
    """Yield every address that connectors were told, or go to by themselves."""
    for kind in KINDS:
        given = Given(kind.name, kind.options, values)
        for option in kind.options:
            if option.name.endswith("url"):
                yield from given.urls(option.name)


def certificates(values: Mapping[str, Secret]) -> Iterator[tuple[str, str, str]]:
    """Yield who has a certificate to show, and the paths of it and of its key."""
    for kind in KINDS:
        given = Given(kind.name, kind.options, values)
        if any(option.name == CERTIFICATE for option in kind.options) and given.text(CERTIFICATE):
            yield kind.name, given.text(CERTIFICATE), given.text(CERTIFICATE_KEY)
