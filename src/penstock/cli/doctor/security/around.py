"""What is known before anything is looked at: the settings, the time, the key, what it opens."""

from dataclasses import dataclass
from datetime import datetime

from penstock.cli.door import is_loopback
from penstock.db import sealing_keys, vault_check
from penstock.db.lane import Database
from penstock.domain.clock import utc_now
from penstock.domain.errors import KeyMissing, PenstockError
from penstock.engine import unlock
from penstock.engine.key_place import KeyPlace
from penstock.engine.sealing_keys import DataKeys
from penstock.settings import Profile, Settings
from penstock.vault.cipher import Cipher
from penstock.vault.source import KeySource, LocalKey


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


def is_strict(settings: Settings) -> bool:
    """Say whether this is production."""
    return settings.profile is Profile.PRODUCTION


def is_exposed(settings: Settings) -> bool:
    """Say whether anybody but this machine can reach the server, as far as settings tell."""
    return settings.public_url is not None or not is_loopback(settings.host)


def cipher_of(
    database: Database | None, place: KeyPlace, master: KeySource | PenstockError
) -> Cipher | PenstockError:
    """Return what opens the secrets of a database with this master key; or why there is none.

    Nothing is made: where nothing was sealed yet, nothing need be opened.
    """
    if database is None:
        return KeyMissing("There is no database that can be read.")
    if isinstance(master, PenstockError):
        return master
    try:
        unlock.check(database, master)
        row = database.read_now(sealing_keys.root)
        if row is not None:
            known = database.read_now(vault_check.values)
            root = unlock.open_root(row, master, known)
        elif isinstance(master, LocalKey):
            root = master.key
        else:
            return KeyMissing(f"The key {master.id} has sealed nothing here yet.")
    except PenstockError as error:
        return error
    return Cipher(DataKeys(database, root, place.look, master, utc_now))
