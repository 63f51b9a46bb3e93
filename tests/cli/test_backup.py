"""backup and restore at the command line: files, keys and passphrases."""

import contextlib
import stat
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.files import written_whole
from penstock.db.connect import open_database
from penstock.domain.clock import utc_now
from penstock.engine.backup import Stamp, back_up
from tests.cli.conftest import Terminal, in_front_of
from tests.cli.modes import posix
from tests.databases import Database

WORDS = "gate mill lever autumn stone"
SEALED = {"PENSTOCK_BACKUP_PASSPHRASE": WORDS}


def beside(terminal: Terminal, name: str = "other") -> Terminal:
    """Return a terminal in front of a home that is not there yet."""
    return in_front_of(terminal.home.parent / name)


def test_an_installation_moves_with_its_key(reader: Terminal, tmp_path: Path) -> None:
    """K4: with the key under a passphrase, all is there again, and the bank can still be read."""
    file = tmp_path / "backup"
    told = reader.json("backup", str(file), "--with-key", **SEALED)
    assert told["has_key"] is True
    assert WORDS.encode() not in file.read_bytes()
    new = in_front_of(tmp_path / "new", reader.environment["PENSTOCK_SANDBOX_URL"])
    assert "opens its secrets" in new.good("restore", str(file), **SEALED).stderr
    assert (new.home / "key").read_bytes() == (reader.home / "key").read_bytes()
    token = {"PENSTOCK_TOKEN": ""}
    new.good("login", "--username", "ada", "--password-stdin", typed="a gate that feeds a mill")
    assert new.json("transactions", **token) == reader.json("transactions")
    new.good("sync", "--all")
    checks = new.json("doctor")["checks"]
    assert {one["state"] for one in checks if one["what"] in {"key", "integrity", "schema"}} == {
        "ok"
    }


@posix
def test_only_its_owner_reads_a_backup(reader: Terminal, tmp_path: Path) -> None:
    """The file has mode 0600, and so have the database and the key that come out of it."""
    file = tmp_path / "backup"
    reader.good("backup", str(file), "--with-key", **SEALED)
    new = in_front_of(tmp_path / "new")
    new.good("restore", str(file), **SEALED)
    for path in (file, new.home / "penstock.db", new.home / "key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_key_is_said(reader: Terminal, tmp_path: Path) -> None:
    """K4: without the key the ledger is restored, and it is said which key must come back."""
    file = tmp_path / "backup"
    assert "keep it somewhere else" in reader.good("backup", str(file)).stderr
    assert reader.home.joinpath("key").read_bytes().strip() not in file.read_bytes()
    new = in_front_of(tmp_path / "new")
    said = new.good("restore", str(file)).stderr
    assert "There is no key file" in said
    assert "before the key" in said
    assert not (new.home / "key").exists()
    [check] = [one for one in new_checks(new) if one["what"] == "key"]
    assert check["state"] == "fail"
    (new.home / "key").write_bytes((reader.home / "key").read_bytes())
    (new.home / "key").chmod(0o600)
    [check] = [one for one in new_checks(new) if one["what"] == "key"]
    assert check["state"] == "ok"


def new_checks(terminal: Terminal) -> Any:
    """Return what `db check` says, whatever that is."""
    import json  # noqa: PLC0415 - this function alone reads a failing command

    return json.loads(terminal.run("db", "check", "--json").stdout)["checks"]


def test_a_wrong_passphrase_changes_nothing(reader: Terminal, tmp_path: Path) -> None:
    """K4: the backup stays closed, and the new home stays empty."""
    file = tmp_path / "backup"
    reader.good("backup", str(file), "--with-key", "--passphrase-stdin", typed=f"{WORDS}\n")
    new = in_front_of(tmp_path / "new")
    result = new.run("restore", str(file), "--passphrase-stdin", typed="gate mill lever autumn\n")
    assert result.exit_code == 1
    assert "passphrase does not open" in result.stderr
    assert "--without-key" in result.stderr
    assert not new.home.exists()
    new.good("restore", str(file), "--without-key")


def test_a_passphrase_is_asked_for_or_given(reader: Terminal, tmp_path: Path) -> None:
    """Where nobody can be asked, and for a short one, nothing is written."""
    file = tmp_path / "backup"
    result = reader.run("backup", str(file), "--with-key")
    assert result.exit_code == 2
    assert "PENSTOCK_BACKUP_PASSPHRASE" in result.stderr
    assert reader.run("backup", str(file), "--with-key", **_short()).exit_code == 2
    assert not file.exists()


def _short() -> dict[str, str]:
    return {"PENSTOCK_BACKUP_PASSPHRASE": "short"}


def test_nothing_is_replaced_unasked(reader: Terminal, tmp_path: Path) -> None:
    """A file that is there stays, unless --replace; an installation always does."""
    file = tmp_path / "backup"
    file.write_bytes(b"mine")
    assert reader.run("backup", str(file)).exit_code == 2
    assert file.read_bytes() == b"mine"
    reader.good("backup", str(file), "--replace", "--with-key", **SEALED)
    before = (reader.home / "key").read_bytes()
    result = reader.run("restore", str(file))  # and no passphrase is asked for in vain
    assert (result.exit_code, "already" in result.stderr) == (1, True)
    assert "assphrase" not in result.stderr
    assert (reader.home / "key").read_bytes() == before


def test_another_installations_key_is_in_the_way(reader: Terminal, tmp_path: Path) -> None:
    """A key that does not belong to the backup is refused before anything is restored."""
    file = tmp_path / "backup"
    reader.good("backup", str(file))
    new = in_front_of(tmp_path / "new")
    given = {"PENSTOCK_KEY": "7f1c9d02b86ae345c1d8f70b9e2a46530fd4be8719c6a27d5e80f3b14692dc7a"}
    result = new.run("restore", str(file), **given)
    assert (result.exit_code, "does not belong" in result.stderr) == (1, True)
    assert not new.home.exists()


def test_what_is_no_backup_leaves_nothing(reader: Terminal, tmp_path: Path) -> None:
    """A file that was cut short or altered makes no home, no database and no key."""
    file = tmp_path / "backup"
    reader.good("backup", str(file), "--with-key", **SEALED)
    new = in_front_of(tmp_path / "new")
    for wrong in (b"", b"hello", file.read_bytes()[:-3]):
        file.write_bytes(wrong)
        result = new.run("restore", str(file), **SEALED)
        assert (result.exit_code, "cannot be used" in result.stderr) == (1, True)
        assert not new.home.exists()


def test_there_must_be_something_to_back_up(stranger: Terminal, tmp_path: Path) -> None:
    """A wrong --home is said, and no file is made that looks like a backup."""
    file = tmp_path / "backup"
    result = stranger.run("backup", str(file))
    assert (result.exit_code, "no database" in result.stderr) == (1, True)
    assert not file.exists()


class Full:
    """A file on a disk that has no more room after so many bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self.file = file
        self.room = room

    def write(self, data: bytes) -> int:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return int(self.file.write(data))

    def flush(self) -> None:
        self.file.flush()


@pytest.mark.parametrize("room", [0, 100, 700])
def test_a_full_disk_leaves_the_last_backup(database: Database, tmp_path: Path, room: int) -> None:
    """Where there is no room for a backup, the one before stays, and nothing stays beside it."""
    file = tmp_path / "backup"
    file.write_bytes(b"the last one")
    with pytest.raises(OSError, match="No space"):
        save_into(file, database.url, room)
    assert file.read_bytes() == b"the last one"
    assert list(tmp_path.iterdir()) == [file]


def save_into(file: Path, url: str, room: int) -> None:
    """Back a database up on a disk with so much room."""
    with contextlib.closing(open_database(url)) as opened, written_whole(file) as target:
        full: Any = Full(target, room)
        back_up(opened, full, Stamp(utc_now(), "0.1.0"))
