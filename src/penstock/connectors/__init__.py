"""Our code for each provider, one file a bank, and the list of them all.

To add a bank: write `connectors/<name>.py`, its face in the sandbox and its recorded answers, and
one line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.connectors.sandbox import Sandbox
from penstock.connectors.starling import PRODUCTION, Starling
from penstock.domain.consent import Rotation
from penstock.domain.protocol import Connector
from penstock.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """What the connectors must be told by whoever runs this installation, as plain values."""

    sandbox_url: str = ""
    sandbox_client_id: str = "penstock"
    sandbox_scenario: str | None = None
    sandbox_page_size: int | None = None
    sandbox_rotation: Rotation = Rotation.STRICT
    starling_url: str = PRODUCTION
    starling_client_id: str = ""
    starling_client_secret: Secret | None = None


def build(settings: ConnectorSettings) -> Mapping[str, Connector]:
    """Return every connector by its name, in the order in which people are shown them."""
    connectors: tuple[Connector, ...] = (
        Sandbox(
            base_url=settings.sandbox_url.rstrip("/"),
            client_id=settings.sandbox_client_id,
            scenario=settings.sandbox_scenario,
            page_size=settings.sandbox_page_size,
            rotation=settings.sandbox_rotation,
        ),
        Starling(
            base_url=settings.starling_url.rstrip("/"),
            client_id=settings.starling_client_id,
            client_secret=settings.starling_client_secret,
        ),
    )
    return {connector.name: connector for connector in connectors}
