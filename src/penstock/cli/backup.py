"""`penstock backup` and `penstock restore`: an installation as one file, and back."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Failed, Misused
from penstock.cli.flags import Command, Flags, as_json, pass_flags
from penstock.cli.terminal import print_json, say

if TYPE_CHECKING:
    from penstock.db.lane import Database
    from penstock.domain.secret import Secret
    from penstock.engine.backup import Contents
    from penstock.engine.backup_file import Head
    from penstock.settings import Settings
    from penstock.vault.key import Key

_FLAG = "--passphrase-stdin"


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Take the place of a file of that name.")
@click.option("--with-key", is_flag=True, help="Put the key in too, sealed under a passphrase.")
@click.option(_FLAG, is_flag=True, help="Read the passphrase from stdin.")
@as_json
@pass_flags
def backup(
    flags: Flags,
    file: Path,
    *,
    replace: bool,
    with_key: bool,
    passphrase_stdin: bool,
    as_json: bool,
) -> None:
    """Write everything into FILE, as it is at this instant, while the server may be running.

    FILE is there when it is whole, and only its owner may read it. The key that opens the bank
    links is left out: keep it elsewhere, or ask for it with --with-key.
    """
    from penstock.cli.audited import note_backup
    from penstock.cli.door import quieten
    from penstock.cli.files import written_whole
    from penstock.cli.version import installed_version
    from penstock.domain.clock import utc_now
    from penstock.engine.backup import Stamp, back_up
    from penstock.vault.passphrase import seal_key

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    if file.exists() and not replace:
        raise Misused(f"{file} is there already", remedy="Name another, or say --replace.")
    with _installed(settings) as database:
        sealed = None
        if with_key:
            key = _own_key(settings, database)
            sealed = seal_key(key, _passphrase(settings, from_stdin=passphrase_stdin, twice=True))
        note_backup(settings, database, with_key=with_key)
        stamp = Stamp(utc_now(), installed_version(), sealed)
        with written_whole(file) as target:
            contents = back_up(database, target, stamp)
    _tell(contents, file, as_json=as_json, what="backed up into")
    if not with_key:
        say("The key is not in it: keep it somewhere else (PENSTOCK_KEY, or the file `key`).")


@click.command(cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--without-key", is_flag=True, help="Leave a key that is in the backup there.")
@click.option(_FLAG, is_flag=True, help="Read the passphrase from stdin.")
@as_json
@pass_flags
def restore(
    flags: Flags, file: Path, *, without_key: bool, passphrase_stdin: bool, as_json: bool
) -> None:
    """Fill an empty home or an empty database from FILE: all of it, or nothing.

    A backup of SQLite can be restored into PostgreSQL, and the other way round. An older schema is
    brought to the newest.
    """
    from penstock.cli.audited import restoring_noted
    from penstock.cli.door import quieten
    from penstock.engine import backup as engine
    from penstock.engine.backup_file import verify

    settings = flags.settings()
    quieten(settings, verbose=flags.verbose)
    with file.open("rb") as source:
        head = verify(source)
        key = None
        _check_place(settings)  # before anybody types a passphrase for nothing
        if head.key is not None and not without_key:
            key = _open_key(settings, head.key, from_stdin=passphrase_stdin)
        check_key(settings, head, key)
        with _empty(settings) as database:
            engine.check_empty(database)
            with _kept(settings, key):
                contents = engine.restore(database, source, restoring_noted(settings))
    _tell(contents, file, as_json=as_json, what="restored from")
    say(_of_the_key(settings, contents))


def _check_place(settings: "Settings") -> None:
    """Make sure that what is there already, if anything is, is empty. Raises Conflict."""
    from penstock.db.connect import open_database
    from penstock.engine import backup as engine

    if settings.database_url or settings.database_file.exists():
        database = open_database(settings.database)
        try:
            engine.check_empty(database)
        finally:
            database.close()


def check_key(settings: "Settings", head: "Head", key: "Key | None") -> None:
    """Make sure that a key which is here already is the backup's. Raises KeyWrong."""
    from penstock.domain.errors import KeyMissing, KeyWrong
    from penstock.domain.remedy import fix_code
    from penstock.store import key_place

    try:
        found = key_place(settings).look()
    except KeyMissing:
        return
    known = {*head.key_ids, *([key.id] if key else [])}
    if known and found.id not in known:
        raise KeyWrong(
            f"The key {found.id} that is here does not belong to this backup.",
            remedy=fix_code(
                "Take it away, or restore into another home. Nothing was changed. "
                f"The backup's key is {', '.join(sorted(known))}."
            ),
        )


@contextlib.contextmanager
def _kept(settings: "Settings", key: "Key | None") -> Iterator[None]:
    """Keep the key of a backup in the home folder, unless the restoring fails."""
    from penstock.vault.keys import keep_key

    path = settings.home / "key"
    made = key is not None and settings.key is None and not path.exists()
    if made and key is not None:
        keep_key(path, key)
    try:
        yield
    except BaseException:
        if made:
            path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _installed(settings: "Settings") -> Iterator["Database"]:
    from penstock.cli.doctor import store

    with store.opened(settings) as database:
        if database is None:
            raise Failed(
                f"there is no database in {settings.home}",
                remedy="See that --home or PENSTOCK_DATABASE_URL is right.",
            )
        yield database


@contextlib.contextmanager
def _empty(settings: "Settings") -> Iterator["Database"]:
    """Open the place to restore into; a SQLite file that was made for it goes if that fails."""
    from penstock.cli.files import make_private_folder
    from penstock.db.connect import open_database

    path = settings.database_file
    made = not settings.database_url and not path.exists()
    make_private_folder(settings.home)
    if made:
        path.touch(mode=0o600)
    try:
        database = open_database(settings.database)
        try:
            yield database
        finally:
            database.close()
    except BaseException:
        for suffix in ("", "-wal", "-shm") if made else ():
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


def _own_key(settings: "Settings", database: "Database") -> "Key":
    """Return this installation's key. Raises KeyMissing, KeyWrong."""
    from penstock.domain.errors import KeyWrong
    from penstock.domain.remedy import fix_code
    from penstock.engine import unlock
    from penstock.store import key_place
    from penstock.vault.source import LocalKey

    source = key_place(settings).look()
    if not isinstance(source, LocalKey):
        raise KeyWrong(
            f"The master key {source.id} never leaves where it is: no backup can hold it.",
            remedy=fix_code(
                "Back up without --with-key: whoever may use that key opens the backup. To take "
                "one along, move to a file first: `penstock keys rotate --to file`."
            ),
        )
    unlock.check(database, source)
    return source.key


def _open_key(settings: "Settings", sealed: dict[str, object], *, from_stdin: bool) -> "Key":
    from penstock.vault.passphrase import Sealed, open_key

    found = Sealed.from_json(sealed)
    return open_key(found, _passphrase(settings, from_stdin=from_stdin, twice=False))


def _passphrase(settings: "Settings", *, from_stdin: bool, twice: bool) -> "Secret":
    from penstock.cli.passwords import ask_secret
    from penstock.domain.secret import Secret

    if settings.backup_passphrase is not None and not from_stdin:
        return Secret(settings.backup_passphrase.get_secret_value())
    try:
        return Secret(ask_secret("Passphrase", from_stdin=from_stdin, twice=twice, flag=_FLAG))
    except Failed as failure:
        remedy = f"Set PENSTOCK_BACKUP_PASSPHRASE, or give it on stdin, with {_FLAG}."
        raise Misused(failure.message, remedy=remedy) from None


def _of_the_key(settings: "Settings", contents: "Contents") -> str:
    """Say whether what was restored can be opened."""
    from penstock.domain.errors import PenstockError
    from penstock.store import key_place

    try:
        return f"The key {key_place(settings).look().id} opens its secrets."
    except PenstockError as error:
        if not contents.head.key_ids:
            return "Nothing was ever sealed in it: a new key is as good as another."
        return (
            f"{error.message} Nothing works before the key {', '.join(contents.head.key_ids)} is "
            "back: give it as PENSTOCK_KEY, or put the file `key` into the home folder."
        )


def _tell(contents: "Contents", file: Path, *, as_json: bool, what: str) -> None:
    head = contents.head
    if as_json:
        print_json(
            {
                "file": os.fspath(file),
                "schema": head.schema,
                "made_at": head.made_at,
                "database": head.database,
                "tables": contents.tables,
                "rows": contents.rows,
                "has_key": head.key is not None,
            }
        )
    else:
        say(
            f"{contents.rows} rows of {contents.tables} tables (schema {head.schema}, as of "
            f"{head.made_at}) were {what} {file}."
        )
