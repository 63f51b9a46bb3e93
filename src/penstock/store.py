"""Settings in, an opened database and vault out: all that the command line needs of a home."""

from dataclasses import replace
from functools import partial

from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.migrations import prepare
from penstock.domain.clock import Clock, utc_now
from penstock.domain.errors import KeyMissing
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import Vault, unlock
from penstock.settings import Profile, Settings
from penstock.vault.keys import make_key_file
from penstock.vault.source import KeySource, LocalKey


def open_store(settings: Settings, clock: Clock = utc_now) -> tuple[Database, Vault]:
    """Open the database, bring an empty or SQLite one to the newest schema, and open the vault.

    Raises InvalidInput, Conflict (an older schema on PostgreSQL), KeyMissing, KeyWrong.
    """
    if not settings.database_url:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.database_file.touch(mode=0o600)
    prepare(settings.database)
    database = open_database(settings.database)
    try:
        return database, unlock(database, key_place(settings), clock)
    except BaseException:
        database.close()
        raise


def key_place(settings: Settings) -> KeyPlace:
    """Say where the master key is looked for; one is made only beside a SQLite file of our own."""
    sqlite = settings.database.startswith("sqlite:")
    return KeyPlace(
        given=_secret(settings.key),
        file=settings.home / "key",
        may_make=sqlite and settings.profile is not Profile.PRODUCTION,
        source=settings.key_source,
        token=partial(_vault_token, settings),
    )


def next_source(settings: Settings, target: str) -> KeySource:
    """Return the master key that a move leads to. Raises InvalidInput, KeyMissing, KeyWrong.

    For `env` it is PENSTOCK_NEW_KEY; for `file` the key file, a new one where there is none.
    """
    place = replace(key_place(settings), source=target, given=_secret(settings.new_key))
    if target == "env" and not place.given:
        raise KeyMissing(
            "A move to `env` needs the new key as PENSTOCK_NEW_KEY.",
            remedy=fix_code("Make one: `openssl rand -base64 32`. Keep a copy in a safe place."),
        )
    if target == "file":
        return LocalKey(make_key_file(place.file))
    return place.look()


def _vault_token(settings: Settings) -> Secret | None:
    """Return what opens a Vault. Raises KeyMissing where the file with it cannot be read."""
    if settings.vault_token_file is None:
        return _secret(settings.vault_token)
    try:
        return Secret(settings.vault_token_file.read_text("utf-8").strip())
    except (OSError, UnicodeError):
        raise KeyMissing(
            f"The file with the Vault's token, {settings.vault_token_file}, cannot be read.",
            remedy=fix_code("See PENSTOCK_VAULT_TOKEN_FILE, and that the agent writes it."),
        ) from None


def _secret(value: object) -> Secret | None:
    reveal = getattr(value, "get_secret_value", None)
    return Secret(reveal()) if reveal else None
