"""The key files of a home while the key is changed: `key`, `key.new` and `key.ID.old`.

Each appears whole or not at all, and none is ever written over: a crash at any moment leaves `key`
either the old one or the new one, and the other beside it.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import KeyMissing, VaultError
from penstock.domain.remedy import fix_code
from penstock.vault.key import Key
from penstock.vault.keys import make_key_file, read_key_file, sync_folder


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The key files beside the present one."""

    present: Path

    @property
    def next(self) -> Path:
        """Return where the next key waits."""
        return self.present.with_name(f"{self.present.name}.new")

    def old(self, key_id: str) -> Path:
        """Return where a key is kept that was in force once."""
        return self.present.with_name(f"{self.present.name}.{key_id}.old")

    def draw(self) -> Key:
        """Return the next key, a new one unless it was drawn before. Raises VaultError."""
        return make_key_file(self.next)

    def all(self) -> list[Key]:
        """Return the keys that are there: the present, the next, and those that were it once."""
        pattern = f"{self.present.name}.*.old"
        keys: list[Key] = []
        for path in [self.present, self.next, *sorted(self.present.parent.glob(pattern))]:
            with contextlib.suppress(VaultError):
                keys.append(read_key_file(path))
        return keys

    def publish(self) -> None:
        """Put the next key into the place of the present one, which is kept beside it.

        Raises KeyMissing, KeyWrong; then nothing was changed.
        """
        old = self.old(read_key_file(self.present).id)
        read_key_file(self.next)
        try:
            with contextlib.suppress(FileExistsError):
                old.hardlink_to(self.present)
            sync_folder(old.parent)
            os.replace(self.next, self.present)  # noqa: PTH105 - says what it does
            sync_folder(old.parent)
        except OSError as error:
            raise KeyMissing(
                f"The key file {self.present} cannot be changed ({error.strerror}).",
                remedy=fix_code("Make the folder writable, and run it again: it goes on."),
            ) from error
