"""Where the key comes from."""

import os
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.domain.errors import KeyMissing, KeyWrong
from penstock.domain.secret import Secret
from penstock.vault.key import Key
from penstock.vault.keys import load_key, make_key_file, read_key_file

posix = pytest.mark.skipif(os.name != "posix", reason="this system has no file modes")


def test_a_new_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    """K5: the first run makes the key, in a folder that it makes too; later runs read it."""
    path = tmp_path / "home" / "key"
    first = load_key(path, text=None, may_create=True)
    again = load_key(path, text=None, may_create=True)
    assert first.id == again.id == read_key_file(path).id
    assert [one.name for one in path.parent.iterdir()] == ["key"]


@posix
def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """K5: the file has mode 0600 from its first byte on, and its folder 0700."""
    path = tmp_path / "home" / "key"
    make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644, 0o610])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """K5: a key that others may read is no secret; the error says how to mend it."""
    path = tmp_path / "key"
    make_key_file(path)
    path.chmod(mode)
    with pytest.raises(KeyWrong, match="others") as caught:
        read_key_file(path)
    assert caught.value.remedy is not None
    assert "chmod 600" in caught.value.remedy.text


def test_a_missing_file_is_not_made_where_that_is_not_allowed(tmp_path: Path) -> None:
    """K5: a new key for an old database would hide that the right one is lost."""
    path = tmp_path / "key"
    with pytest.raises(KeyMissing) as caught:
        load_key(path, text=None, may_create=False)
    assert str(path) in str(caught.value)
    assert caught.value.remedy is not None
    assert "backup" in caught.value.remedy.text
    assert not path.exists()


def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    """K5: making a key where one is returns the one that is there."""
    path = tmp_path / "key"
    first = make_key_file(path)
    content = path.read_bytes()
    assert make_key_file(path).id == first.id
    assert path.read_bytes() == content


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    """K5: two processes that start together on an empty home must not seal under two keys."""
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: make_key_file(path), range(32)))
    assert len({key.id for key in keys}) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["key"]


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """K5: it is there whole, or not at all; the error says what to do instead."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeyMissing, match="cannot be made") as caught:
        make_key_file(tmp_path / "file" / "key")
    assert caught.value.remedy is not None
    assert "PENSTOCK_KEY" in caught.value.remedy.text


def test_a_start_that_broke_off_leaves_no_half_key(tmp_path: Path) -> None:
    """K5: what fails while the key is drawn leaves no file that would pass for one."""

    def broken(count: int) -> bytes:
        if count == 32:
            raise OSError(5, "Input/output error")
        return secrets.token_bytes(count)

    with pytest.raises(KeyMissing):
        make_key_file(tmp_path / "key", entropy=broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"canary", b"\xff\xfe\x00", b"00" * 32, b"a" * 100_000])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """K5: a broken file is named, and neither used nor replaced."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyWrong, match="does not hold a key") as caught:
        load_key(path, text=None, may_create=True)
    assert "canary" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    """K5: whatever is in the key's place is left alone."""
    with pytest.raises(KeyWrong, match="cannot be read"):
        read_key_file(tmp_path)


def test_the_operators_own_key_goes_before_the_file(tmp_path: Path) -> None:
    """K5: a key from the environment is used, and no file is made beside it."""
    raw = secrets.token_bytes(32)
    key = load_key(tmp_path / "key", text=Secret(raw.hex()), may_create=True)
    assert key.id == Key(raw).id
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyWrong):
        load_key(tmp_path / "key", text=Secret("short"), may_create=True)
