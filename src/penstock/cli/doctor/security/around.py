"""What is known before anything is looked at: the settings, the time, the key, what it opens."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.cli.door import is_loopback
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.domain.errors import KeyMissing, PenstockError
from penstock.engine import unlock
from penstock.engine.key_place import KeyPlace
from penstock.identity.decoys import Marks
from penstock.settings import Profile, Settings
from penstock.vault.cipher import Cipher
from penstock.vault.source import KeySource


@dataclass(frozen=True, slots=True)
class Around:
    """`master` is the master key, `cipher` what opens secrets with it; or why there is none."""

    settings: Settings
    now: datetime
    master: KeySource | PenstockError
    cipher: Cipher | PenstockError

    @property
    def strict(self) -> bool:
        """Whether this is production: there what is only unwise elsewhere is a failure."""
        return is_strict(self.settings)


def decoy(connection: sa.Connection, around: Around) -> int:
    """Return the number of the person who never was; 0 where there is none, or no key."""
    if isinstance(around.cipher, PenstockError):
        return 0
    return Marks(AuditLog(around.cipher)).person(connection) or 0


def is_strict(settings: Settings) -> bool:
    """Say whether this is production."""
    return settings.profile is Profile.PRODUCTION


def is_exposed(settings: Settings) -> bool:
    """Say whether anybody but this machine can reach the server, as far as settings tell."""
    return settings.public_url is not None or not is_loopback(settings.host)


def cipher_of(database: Database | None, place: KeyPlace) -> Cipher | PenstockError:
    """Return what opens the secrets of a database, or why nothing does. Nothing is made."""
    if database is None:
        return KeyMissing("There is no database that can be read.")
    try:
        return unlock.peek(database, place).cipher
    except PenstockError as error:
        return error
