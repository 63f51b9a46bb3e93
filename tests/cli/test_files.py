"""Files that are written whole or not at all."""

import stat
from pathlib import Path

import pytest

from penstock.cli.files import make_private_folder, written_whole
from tests.cli.modes import posix


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Nothing is under the name until all of it is, and then nothing else is in the folder."""
    path = tmp_path / "answer"
    with written_whole(path) as file:
        file.write(b"one ")
        assert not path.exists()
        file.write(b"two")
    assert path.read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """If the writing fails, the old content stays and no part of the new one does."""
    path = tmp_path / "answer"
    path.write_bytes(b"old")

    def fail() -> None:
        with written_whole(path) as file:
            file.write(b"new")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """A file has the mode 0600, also where it takes the place of an open one."""
    path = tmp_path / "answer"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with written_whole(path) as file:
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_home_is_private(tmp_path: Path) -> None:
    """A folder that we make is the owner's alone; one that was there keeps its mode."""
    home = tmp_path / "above" / "home"
    make_private_folder(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o750)
    make_private_folder(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
