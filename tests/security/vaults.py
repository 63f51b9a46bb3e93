"""Vaults for tests: an installation whose key is a file, and secrets of which each is known."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.domain.errors import KeyMissing, VaultError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import Vault, unlock
from penstock.vault.cipher import Place
from penstock.vault.key_files import KeyFiles
from penstock.vault.keys import make_key_file
from penstock.vault.source import Context, KeySource, altered
from tests.person import add_person

PEOPLE = ("bea", "ben", "cleo")


@dataclass
class Home:
    """A database, the folder with its key file, and what was sealed in it."""

    url: str
    folder: Path
    sealed: list[tuple[str, Place, Secret]] = field(default_factory=list)

    @property
    def files(self) -> KeyFiles:
        return KeyFiles(self.folder / "key")

    @property
    def place(self) -> KeyPlace:
        return KeyPlace(None, self.folder / "key", may_make=False)

    @contextmanager
    def opened(self, place: KeyPlace | None = None) -> Iterator[tuple[Database, Vault]]:
        """Open it as a process that starts now does."""
        database = open_database(self.url)
        try:
            yield database, unlock(database, place or self.place)
        finally:
            database.close()

    def seal(self, vault: Vault, owner: str) -> None:
        """Seal something for an owner, and remember what."""
        secret = Secret(secrets.token_hex(8))
        place = Place(owner, f"row:{len(self.sealed)}", "token", 3)
        self.sealed.append((vault.cipher.seal(secret, place), place, secret))

    def check(self, vault: Vault) -> None:
        """See that all that was ever sealed opens."""
        for text, place, secret in self.sealed:
            assert vault.cipher.open(text, place) == secret

    def check_all(self, place: KeyPlace | None = None) -> None:
        """See that a process that starts now can go on: all opens, and a new secret is sealed."""
        with self.opened(place) as (_, vault):
            self.check(vault)
            self.seal(vault, "installation")
            self.check(vault)


def moved_in(url: str, folder: Path) -> Home:
    """Make an installation with a key file, some people, and secrets of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(url, folder)
    make_key_file(home.files.present)
    with home.opened() as (database, vault):
        for name in PEOPLE:
            number = database.write_now(add_person, name)
            home.seal(vault, f"user:{number}")
        home.seal(vault, "installation")
    return home


@dataclass
class Elsewhere:
    """A master key that is far away: it can be cut off, and it counts how often it is asked."""

    id: str
    error: VaultError | None = None
    asked: int = 0
    kept: dict[str, tuple[bytes, Context]] = field(default_factory=dict)

    def wrap(self, plain: bytes, context: Context) -> str:
        self._ask()
        name = f"{self.id}#{len(self.kept)}"
        self.kept[name] = plain, dict(context)
        return name

    def unwrap(self, wrapped: str, context: Context) -> bytes:
        self._ask()
        if wrapped not in self.kept or self.kept[wrapped][1] != dict(context):
            raise altered(context)
        return self.kept[wrapped][0]

    def _ask(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


class At(KeyPlace):
    """A place whose master key is this source."""

    def __init__(self, source: KeySource) -> None:
        super().__init__(None, Path("nowhere"), may_make=False)
        object.__setattr__(self, "far", source)

    def look(self, *, empty: bool = False) -> KeySource:
        del empty
        far: KeySource = vars(self)["far"]
        return far


DISABLED = KeyMissing("The key is disabled.")
