"""What is known before anything is looked at: the settings, the time, the key."""

from dataclasses import dataclass
from datetime import datetime

from penstock.cli.door import is_loopback
from penstock.domain.errors import PenstockError
from penstock.settings import Profile, Settings
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from penstock.vault.source import KeySource


@dataclass(frozen=True, slots=True)
class Around:
    """`key` is the master key of this installation, or why there is none.

    A `Key` where it is here, its source where it never leaves another place. `vault` opens what is
    sealed; without one a `Key` does, as before there were data keys.
    """

    settings: Settings
    now: datetime
    key: Key | KeySource | PenstockError
    vault: Cipher | None = None

    @property
    def cipher(self) -> Cipher | None:
        """What opens secrets; None where nothing does."""
        return self.vault or (Cipher(self.key) if isinstance(self.key, Key) else None)

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
