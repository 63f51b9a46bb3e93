"""What is known before anything is looked at: the settings, the time, the vault."""

from dataclasses import dataclass
from datetime import datetime

from penstock.cli.door import is_loopback
from penstock.domain.errors import PenstockError
from penstock.settings import Profile, Settings
from penstock.vault.cipher import Cipher
from penstock.vault.source import KeySource


@dataclass(frozen=True, slots=True)
class Around:
    """`key` is the master key, or why there is none; `cipher` opens what is sealed under it."""

    settings: Settings
    now: datetime
    key: KeySource | PenstockError
    cipher: Cipher | None = None

    @property
    def strict(self) -> bool:
        """Whether this is production: there what is only unwise elsewhere is a failure."""
        return is_strict(self.settings)


def is_strict(settings: Settings) -> bool:
    """Say whether this is production."""
    return settings.profile is Profile.PRODUCTION


def is_exposed(settings: Settings) -> bool:
    """Say whether anybody but this machine can reach the server, as far as settings tell."""
    return settings.public_url is not None or not is_loopback(settings.host)
