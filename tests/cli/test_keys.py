"""`penstock keys` at the command line."""

import pytest

from penstock.vault.key import Key
from tests.cli.conftest import Terminal, in_front_of

NEW = Key(bytes(range(100, 132))).written().reveal()


def test_a_new_key_signs(reader: Terminal) -> None:
    """T4: the session that is open goes on."""
    assert reader.json("keys", "rotate", "--signing")["signing_key"]
    reader.good("transactions")
    assert reader.run("keys", "rotate", "--signing", "--data").exit_code == 2


def test_a_key_file_is_changed(reader: Terminal) -> None:
    """K2: nothing hangs on the old key then, the bank can be read, the log of deeds is whole."""
    before = reader.json("keys", "show")
    told = reader.json("keys", "rotate", "--data")
    assert told["data_keys_made"] == before["data_keys"] - 1, "the root is none that seals"
    told = reader.json("keys", "rotate")
    assert told["left"] == [before["master_id"]]
    for old in reader.home.glob("key.*"):
        old.unlink()
    after = reader.json("keys", "show")
    assert after["master_id"] == told["master_key"] != before["master_id"]
    assert (after["others"], after["behind"]) == ({}, 0)
    assert after["wraps"] == {after["master_id"]: after["data_keys"] + after["retired"]}
    reader.good("sync", "--all")
    assert "Whole" in reader.good("audit", "verify").stdout


@pytest.mark.parametrize("words", [("show",), ("rotate",)])
def test_without_a_home_it_is_said(stranger: Terminal, words: tuple[str, ...]) -> None:
    """Where there is no database none is made, and no key."""
    result = in_front_of(stranger.home.parent / "nowhere").run("keys", *words)
    assert (result.exit_code, "no database" in result.stderr) == (1, True)
    assert not (stranger.home.parent / "nowhere").exists()


def test_a_key_moves_into_the_environment(reader: Terminal) -> None:
    """K2, K5: both open the database until the move is ended, and then the file is of no use."""
    told = reader.good("keys", "rotate", "--to", "env", PENSTOCK_NEW_KEY=NEW).stderr
    assert "PENSTOCK_KEY" in told
    assert NEW not in told
    reader.good("sync", "--all")
    assert "next" in reader.good("keys", "show").stdout
    reader.good("keys", "rotate", PENSTOCK_KEY=NEW)
    assert reader.run("sync", "--all").exit_code == 1
    (reader.home / "key").unlink()
    reader.good("sync", "--all", PENSTOCK_KEY=NEW)
    result = reader.run("keys", "rotate", PENSTOCK_KEY=NEW)
    assert (result.exit_code, "PENSTOCK_NEW_KEY" in result.stderr) == (2, True)
