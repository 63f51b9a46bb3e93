"""Where an installation's master key is looked for (security.md K5)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import KeyMissing
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.keys import load_key
from penstock.vault.remote import open_remote
from penstock.vault.source import KeySource, LocalKey


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where the master key is: far away at `source`, given by the environment, or in a file.

    `may_make` says whether a file may be made. `token` is what opens a source that is far away,
    where it wants one from us.
    """

    given: Secret | None
    file: Path
    may_make: bool
    source: str = ""
    token: Callable[[], Secret | None] = lambda: None

    @property
    def is_file(self) -> bool:
        """Whether the master key is the file's."""
        return self.source == "file" or (not self.source and not self.given)

    def look(self, *, empty: bool = False) -> KeySource:
        """Return the master key; a new one only where the installation is `empty`.

        Raises KeyMissing, KeyWrong, InvalidInput.
        """
        if self.source not in {"", "env", "file"}:
            return open_remote(self.source, self.token)
        if self.source == "env" and not self.given:
            raise KeyMissing(
                "PENSTOCK_KEY_SOURCE is `env`, and PENSTOCK_KEY is not set.",
                remedy=fix_code("Set PENSTOCK_KEY to this installation's key."),
            )
        given = None if self.source == "file" else self.given
        if not (given or self.file.exists() or self.may_make) and empty:
            raise KeyMissing(
                "No key was given, and none is made by itself here.",
                remedy=fix_code(
                    "Set PENSTOCK_KEY to 32 random bytes in base64 (`openssl rand -base64 32`), "
                    "the same on every machine of this installation, and keep a copy in a safe "
                    "place; or set PENSTOCK_KEY_SOURCE."
                ),
            )
        return LocalKey(load_key(self.file, text=given, may_create=self.may_make and empty))
